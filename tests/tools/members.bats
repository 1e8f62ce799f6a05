#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# The peers of a group watch each other: who is killed, stopped, started again or sent away, and what others send them.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() { export BATS_TEST_TIMEOUT=120; }

teardown() {
  end_jobs TERM
  stop_group
}

# members NAME...: a group of these, at level 2, all of which have heard of each other.
members() {
  new_group "$BATS_TEST_TMPDIR/g" "$@"
  export COORD_SOCKET=$group/$1.sock
  start_group "${calm[@]}"
  eventually all_watch
}
all_watch() {
  local name
  for name in "${names[@]}"; do
    on "$name" dpeers --json | jq -se --argjson n ${#names[@]} \
      'length == $n and all(.state == "alive" and .incarnation >= 0 and (.local or .phi != null))' >/dev/null || return 1
  done
}
field() { on "$1" dpeers --json | jq -r --arg name "$2" "select(.name == \$name) | .$3"; } # SEEN_BY NAME FIELD
all_see() { # NAME STATE: all that run but itself
  local name
  for name in "${names[@]}"; do
    [ "$name" = "$1" ] || peer_gone "$name" || [ "$(field "$name" "$1" state)" = "$2" ] || return 1
  done
}
# As the members say, not the connections.
all_say() { # NAME STATE
  local name
  for name in "${names[@]}"; do
    [ "$name" = "$1" ] || peer_gone "$name" || grep -q "member $1: $2" "$group/$name.log" || return 1
  done
}

@test "kill -9: dead for all others within seconds, and phi grows; again there: a higher incarnation, alive" {
  for set in 'a b c' 'a b c d e'; do
    members $set
    killed=c
    before=$(field a c incarnation)
    from=$(now_us)
    signal_peer KILL $killed
    eventually all_say $killed dead
    took=$((($(now_us) - from) / 1000))
    echo "dead for all of $set after $took ms"
    [ "$took" -lt 8000 ]
    all_see $killed dead
    phi=$(field a $killed phi)
    higher() { jq -ne "$(field a $killed phi) > $phi"; }
    eventually higher
    run -1 dpeers --check
    [[ $output == *"WARNING"*"c is dead"* ]]
    start_peer $killed "${calm[@]}"
    eventually all_watch
    [ "$(field a $killed incarnation)" -gt "$before" ]
    [ "$(field a $killed incarnation)" = "$(field $killed $killed incarnation)" ]
    stop_group
    rm -r "$group"
  done
}

@test "stopped for a second again and again: never held dead" {
  members a b c
  for i in 1 2 3 4 5 6; do
    signal_peer STOP b
    sleep 1
    signal_peer CONT b
    sleep 0.3
  done
  eventually all_see b alive
  run grep -h 'member [abc]: ' "$group"/a.log "$group"/b.log "$group"/c.log
  [ -z "$output" ]
}

@test "ntpprobe --peers: the hosts' clocks, and whose is not known" {
  members a b c
  measured() { [ "$(ntpprobe --peers --json | wc -l)" -eq 2 ]; }
  eventually measured
  run -0 --separate-stderr ntpprobe --peers --json
  jq -se 'map(.type == "pair" and .schema == 1 and .from == "a" and .bound_s > 0 and .bound_s < 0.5
    and (.offset_s | fabs) <= .bound_s) | all' <<<"$output" # one machine: the clocks are the same
  [ "$(jq -r .to <<<"$output" | sort | xargs)" = "b c" ]
  [ -z "$stderr" ]
  run -0 ntpprobe --peers
  [[ ${lines[0]} == "FROM  TO "* ]]
  signal_peer KILL c
  dead() { [ "$(field a c state)" = dead ]; }
  eventually dead
  run -1 --separate-stderr ntpprobe --peers --json
  [ "$(jq -r .to <<<"$output")" = b ]
  [ "$stderr" = "ntpprobe: c: it is dead" ]
  run -64 ntpprobe --peers pool.example
  run -64 ntpprobe --peers --watch 1
}

@test "ntpprobe --peers of a peer alone: there is no clock to compare with" {
  unset COORD_SOCKET
  own_host
  run -69 ntpprobe --peers
  [[ $output == *"of no group"* ]]
  stop_own_host
}

@test "a suspicion, even a death, ends no lease" {
  members a b c
  hold b job --ttl 60
  signal_peer STOP b
  eventually all_say b dead
  [ "$(field a b state)" = dead ]
  run -1 on a dlock -n job true
  signal_peer CONT b
  eventually all_see b alive
  [ "$(field a b incarnation)" -gt 0 ]
  run -1 on a dlock -n job true
  release job
  wait $holder
  run -0 on a dlock -n job true
}

@test "SIGTERM: left, for all others, at once" {
  members a b c
  signal_peer TERM c
  eventually peer_gone c
  eventually all_see c left
  all_say c left
  run -1 dpeers --check
  [[ $output == *"c has left"* ]]
  start_peer c "${calm[@]}"
  eventually all_watch
}

@test "datagrams of nobody: no answer, counted, and nobody is dead by them" {
  members a b c
  refused() { field a a 'received["datagram refused"] // 0'; }
  before=$(refused)
  port=$(cut -d, -f1 "$group/peers" | cut -d: -f2)
  run -0 python3 - "$port" <<'END'
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
for size in (0, 1, 16, 31, 32, 64, 200, 1200, 9000, 65507):
    s.sendto(os.urandom(size), ("127.0.0.1", int(sys.argv[1])))
try:
    print(len(s.recv(65536)))
except TimeoutError:
    print("silence")
END
  [ "$output" = silence ]
  counted() { [ "$(refused)" -ge $((before + 8)) ]; }
  eventually counted
  # One that has another key says that it is c.
  signal_peer KILL c
  eventually all_say c dead
  coordd --keygen >"$group/other"
  chmod 600 "$group/other"
  mkdir "$group/stranger"
  coordd --name c --peers "$(cat "$group/peers")" --key-file "$group/other" --state-dir "$group/stranger" \
    --socket "$group/stranger.sock" </dev/null >"$group/stranger.log" 2>&1 3>&- &
  stranger=$!
  offered() { grep -q 'is offered' "$group/a.log" || dpeers doctor | grep -q 'is offered'; }
  eventually offered
  [ "$(field a c state)" = dead ]
  [ "$(field a b state)" = alive ]
  kill -KILL $stranger
}

@test "a peer alone watches nobody, and writes down nothing of it" {
  own_host
  dlock job true
  dpeers --json | jq -se 'length == 1 and (.[0] | (has("incarnation") or has("phi")) | not) and (.[0].sent | has("membership") | not)'
  run find "$HOME" "$XDG_RUNTIME_DIR" -name incarnation
  [ -z "$output" ]
  stop_own_host
  names=()
}

@test "dpeers wait: until so many peers are in a state, for at most so long" {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  export COORD_SOCKET=$group/a.sock
  start_peer a "${calm[@]}"
  eventually dpeers -q
  run -69 dpeers wait -n 1 -w 0.1
  [[ $output == "dpeers: wait: 0 of 3 peers are alive, 1 were waited for; nobody leads"* ]]
  dpeers wait -n 3 -w 60 &
  waiter=$!
  start_peer b "${calm[@]}"
  start_peer c "${calm[@]}"
  wait $waiter
  eventually all_watch
  run -0 dpeers wait -n 3 -w 0
  run -1 dpeers wait -n 1 --state dead -w 0.2
  [ "$output" = "dpeers: wait: 0 of 3 peers are dead, 1 were waited for" ]
  run -1 dpeers wait -n 4 -w 0 -q
  [ -z "$output" ]
  signal_peer KILL c
  run -0 dpeers wait -n 1 --state dead -w 30
  signal_peer TERM b
  run -0 dpeers wait -n 1 --state left -w 30
  # It outlives its own peer.
  dpeers wait -n 3 -w 60 &
  waiter=$!
  two_tools() {
    readlink "/proc/$waiter/fd/"* | grep -q socket && [ "$(dpeers --openmetrics | sed -n 's/^coordutils_tools //p')" -ge 2 ]
  }
  eventually two_tools
  signal_peer KILL a
  eventually peer_gone a
  for name in a b c; do start_peer $name "${calm[@]}"; done
  wait $waiter
}

@test "dpeers wait, used wrongly" {
  names=()
  run -64 dpeers wait
  [ "$output" = "dpeers: -n: how many peers to wait for is not said: give -n COUNT" ]
  run -64 dpeers -n 3
  [ "$output" = "dpeers: -n: is for \`dpeers wait\`: give wait before it" ]
  run -64 dpeers -w 3
  run -64 dpeers --state dead
  run -64 dpeers doctor -n 3
  run -64 dpeers wait -n 0
  run -64 dpeers wait -n x
  run -64 dpeers wait -n 1 --state happy
  run -69 dpeers wait -n 1 -w 1 --socket "$BATS_TEST_TMPDIR/none"
}

@test "dpeers doctor tells a peer that is stopped and one that has left from one that is down" {
  members a b c
  finding() { dpeers doctor --json 2>/dev/null | jq -r --arg name "$1" 'select(.check == "member" and .object == $name) | .status + " " + .what'; }
  signal_peer STOP b
  stopped() { [[ $(finding b) == "fail connected, and held dead by the members"* ]]; }
  eventually stopped
  signal_peer CONT b
  eventually all_watch
  [ -z "$(finding b)" ]
  signal_peer TERM c
  left() { [[ $(finding c) == "warn has left"* ]]; }
  eventually left
}

@test "--watch tells of members: dead by silence, up again with a higher incarnation" {
  members a b c
  dpeers --watch --json >"$BATS_TEST_TMPDIR/events" 3>&- &
  told() { jq -se "any(.event == \"$1\" and .name == \"b\" and $2)" "$BATS_TEST_TMPDIR/events" >/dev/null; }
  eventually told 'member up' '.incarnation == 0'
  signal_peer STOP b
  eventually told 'member down' '.state == "dead"'
  signal_peer CONT b
  eventually told 'member up' '.incarnation > 0'
}
