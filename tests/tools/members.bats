#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
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
