#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dcast over three peers and a host without a vote: all hear it, whoever is killed or stopped.
bats_require_minimum_version 1.5.0
load peer_helpers

setup_file() {
  new_group "$BATS_FILE_TMPDIR/g" a b c
  start_group "${calm[@]}"
  member_port=$(free_ports 1)
  export member_port
  start_member
  eventually serves m
  eventually all_alive
}
start_member() {
  mkdir -p "$group/m"
  coordd --name m --join "$(cut -d= -f2 <"$group/peers" | cut -d, -f1)" --listen "127.0.0.1:$member_port" --key-file "$group/key" \
    --state-dir "$group/m" --socket "$group/m.sock" </dev/null >>"$group/m.log" 2>&1 3>&- &
  echo $! >"$group/m.pid"
  disown
}
serves() { on "$1" dlock --list >/dev/null 2>&1; }
all_alive() { # as each of them sees it
  local name
  for name in a b c m; do
    [ "$(on "$name" dpeers --json | jq -r 'select(.state == "alive") | .name' | sort | xargs)" = "a b c m" ] || return 1
  done
}

teardown_file() {
  use_group "$BATS_FILE_TMPDIR/g"
  names+=(m)
  stop_group
}

setup() {
  use_group "$BATS_FILE_TMPDIR/g"
  cd "$BATS_TEST_TMPDIR" || return
}

teardown() { end_jobs TERM; }

# listen NAME PEER...: in the background, each into out.PEER, and waits until all listen.
listen() {
  local name=$1 peer
  shift
  for peer in "$@"; do
    COORD_SOCKET=$group/$peer.sock dcast --json --listen "$name" >"out.$peer" 2>"err.$peer" 3>&- &
    eventually listens "out.$peer" 1
  done
}
listens() { [ "$(grep -c '"listening"' "$1")" -ge "$2" ]; }
payloads() { jq -r 'select(.event == "cast") | .payload' "out.$1"; }
heard() { # PAYLOADS PEER...
  local payloads=$1 peer
  for peer in "${@:2}"; do [ "$(payloads "$peer" | sort | xargs)" = "$payloads" ] || return 1; done
}

@test "a cast from any host is heard on all, once, within a second; 64 KiB too" {
  listen x a b c m
  from=$(now_us)
  on a dcast x 1
  eventually heard 1 a b c m
  took=$((($(now_us) - from) / 1000))
  echo "heard by all after $took ms"
  [ -n "${COORD_SANITIZE-}" ] || [ "$took" -lt 3000 ]
  on m dcast x 2
  run -0 on b dcast x 3 --json
  [ "$(jq -c '[.members, .confirmed]' <<<"$output")" = '[3,true]' ]
  eventually heard '1 2 3' a b c m
  [ "$(jq -r 'select(.payload == "2") | .host' out.c)" = m ]
  listen big c m
  head -c 49152 /dev/urandom | base64 -w0 >big
  on a dcast big - <big
  whole() { cmp -s <(payloads "$1") <(cat big; echo); }
  eventually whole m
  eventually whole c
  heard '1 2 3' a b
}

# answer NAME PEER... -- COMMAND: in the background, and waits until all answer. Sets answerers.
answer() {
  local name=$1 peer peers=()
  shift
  while [ "$1" != -- ]; do
    peers+=("$1")
    shift
  done
  shift
  answerers=()
  for peer in "${peers[@]}"; do
    COORD_SOCKET=$group/$peer.sock MEMBER=$peer dcast --json --answer "$name" -- "$@" >"answers.$peer" 2>"err.$peer" 3>&- &
    answerers+=($!)
    eventually grep -q '"answering"' "answers.$peer"
  done
}

@test "--ask gathers the answers of all, adds them up, and names whose is missing" {
  answer load a b c m -- sh -c 'read -r factor; case $MEMBER in a) n=1 ;; b) n=2 ;; c) n=3 ;; m) n=4.5 ;; esac; awk "BEGIN { print $n * ${factor:-1} }"'
  run -0 on a dcast --ask load 1
  [ "$(xargs <<<"$output")" = 'a: 1 b: 2 c: 3 m: 4.5' ]
  [ "$(on m dcast --ask load 2 --reduce sum)" = 21 ]
  [ "$(on b dcast --ask load --reduce max)" = 4.5 ]
  [ "$(on b dcast --ask load --reduce min)" = 1 ]
  [ "$(echo 10 | on c dcast --ask load - --reduce count)" = 4 ]
  run -0 on a dcast --json --ask load 1 --reduce sum
  [ "$(jq -r 'select(.member) | [.member, .host, .answer, .status] | @tsv' <<<"$output" | head -1)" = "a"$'\t'"$(hostname)"$'\t'"1"$'\t'"0" ]
  [ "$(jq -c 'select(.type == "result") | [.reduce, .value, .answered, .missing]' <<<"$output")" = '["sum",10.5,4,[]]' ]
  stop_process "${answerers[1]}"
  run -1 --separate-stderr on a dcast -q --ask load 1 --reduce sum -w 1
  kill -CONT "${answerers[1]}"
  [ "$output" = 8.5 ]
  [[ $stderr == *'load: no answer of b' ]]
  end_jobs TERM
  run -1 --separate-stderr on a dcast --ask load 1
  [[ $stderr == *'nobody answers'* ]]
  run -1 --separate-stderr on a dcast -q --ask load 1
  [ -z "$stderr" ]
}

@test "casts and questions are counted for monitoring" {
  listen counted c
  on a dcast counted 1
  eventually heard 1 c
  run -1 on c dcast --ask nobody-answers
  on c dpeers --openmetrics >page
  python3 "$COORD_SOURCE/tests/tools/openmetrics.py" <page >/dev/null
  value() { awk -v name="coordutils_$1" '$1 == name { print $2 }' page; }
  [ "$(value casts_came_total)" -ge 1 ]
  [ "$(value cast_listeners)" -eq 1 ]
  [ "$(value questions_asked_total)" -ge 1 ]
  [ "$(value questions_missing_total)" -ge 0 ]
}

@test "a host that is stopped is named, and the others' answers are shown" {
  answer who a b c m -- sh -c 'echo "$MEMBER"'
  signal_peer STOP c
  run -1 --separate-stderr on m dcast --json --ask who -w 3
  signal_peer CONT c
  [ "$(jq -r 'select(.member) | .answer' <<<"$output" | xargs)" = 'a b m' ]
  [ "$(jq -c 'select(.type == "result") | .missing' <<<"$output")" = '["c"]' ]
  all_answer() { [ "$(on a dcast --ask who --reduce count 2>/dev/null)" = 4 ]; }
  eventually all_answer
}

@test "a host that is held dead is named at once; one that has left is not missing" {
  is() { [ "$(on a dpeers --json | jq -r --arg name "$1" 'select(.name == $name) | .state')" = "$2" ]; } # NAME STATE
  answer who a b c m -- sh -c 'echo "$MEMBER"'
  signal_peer KILL c
  eventually is c dead
  from=$(now_us)
  run -1 --separate-stderr on a dcast --json --ask who -w 15
  [ $(($(now_us) - from)) -lt 5000000 ]
  [ "$(jq -r 'select(.member) | .answer' <<<"$output" | xargs)" = 'a b m' ]
  [ "$(jq -c 'select(.type == "result") | .missing' <<<"$output")" = '["c"]' ]
  start_peer c "${calm[@]}"
  eventually all_alive
  signal_peer TERM m
  eventually is m left
  all_but_one() { [ "$(on a dcast --ask who --reduce count)" = 3 ]; }
  eventually all_but_one
  start_member
  eventually all_alive
}

@test "with --causal an answer is heard behind its question, by all" {
  for peer in a b c m; do
    COORD_SOCKET=$group/$peer.sock dcast --json --causal --listen talk >"out.$peer" 2>"err.$peer" 3>&- &
    eventually listens "out.$peer" 1
  done
  on a dcast talk 1
  eventually heard 1 b
  on b dcast talk 2
  eventually heard '1 2' m
  on m dcast talk 3
  on m dcast talk 4
  eventually heard '1 2 3 4' a b c m
  for peer in a b c m; do [ "$(payloads $peer | xargs)" = '1 2 3 4' ]; done
}

@test "a peer that is killed misses nothing: its listener hears the rest when it is back, once" {
  listen y b m
  on a dcast y 1
  eventually heard 1 b m
  for peer in b m; do signal_peer KILL $peer; done
  for peer in b m; do eventually peer_gone $peer; done
  on a dcast y 2
  on c dcast y 3
  start_peer b "${calm[@]}"
  start_member
  eventually heard '1 2 3' b m
  listens out.b 2
}

@test "-w is over although this host's peer is stopped: 76, and 69 of a question" {
  listen w a
  answer w a -- sh -c 'echo >asked; exec sleep 30'
  for peer in b c m; do signal_peer STOP $peer; done
  COORD_SOCKET=$group/a.sock dcast -w 4 w x 2>say.err 3>&- &
  say=$!
  COORD_SOCKET=$group/a.sock dcast -w 4 --ask w 2>ask.err 3>&- &
  ask=$!
  eventually heard x a
  eventually [ -e asked ]
  signal_peer STOP a
  says=0 asks=0
  wait "$say" || says=$?
  wait "$ask" || asks=$?
  for peer in a b c m; do signal_peer CONT $peer; done
  [ "$says $asks" = '76 69' ]
  for file in say.err ask.err; do [[ $(cat $file) == "dcast: w: this host's peer does not answer"* ]]; done
  eventually all_alive
}

@test "a stopped peer holds up nobody: the others hear at once, and it when it goes on" {
  listen z a b
  signal_peer STOP b
  on c dcast z 1
  eventually heard 1 a
  heard '' b
  signal_peer CONT b
  eventually heard 1 b
}
