#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# -n and all that is not to wait: it waits for a leader, and for no lock. Each test starts cold: nothing runs.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers

setup() { cd "$BATS_TEST_TMPDIR"; }

teardown() {
  end_jobs TERM
  if [ -n "${group-}" ]; then stop_group; fi
  stop_cold
}

# A home in which nothing ever ran, for `cold COMMAND...`, which runs it as cron does.
new_cold_host() {
  stop_cold
  home=$(mktemp -d "$BATS_TEST_TMPDIR/cold.XXXXXX")
  mkdir -m 700 "$home/run"
}
cold() { env -i HOME="$home" XDG_RUNTIME_DIR="$home/run" PATH="$PATH" "$@"; }
stop_cold() {
  local pid
  [ -n "${home-}" ] || return 0
  for pid in $(pgrep -f -- "--socket $home/run/"); do
    kill -KILL "$pid" 2>/dev/null || true
    eventually gone "$pid"
  done
  home=
}

@test "the first -n of a host works, each time, with every tool" {
  local command
  for command in 'dlock -n job echo ran' 'dlock -w 0.01 job echo ran' 'dlock -w 0 job echo ran' 'dlock -s -n job echo ran' \
    'dlock -n --rate 1/1 job echo ran' 'dlock -n -F job echo ran' 'dlock -n A,B echo ran' 'delect -n job -- echo ran' \
    'delect -w 0.01 job -- echo ran' 'delect --slot monday -n job -- echo ran'; do
    for i in 1 2 3; do
      new_cold_host
      run -0 --separate-stderr cold $command
      [ "$output" = ran ] || { echo "$command: $output"; false; }
      [ -z "$stderr" ]
    done
  done
}

@test "so do orders, and the start of the peer does not count as a wait" {
  new_cold_host
  run -1 cold dbarrier --reset gate # nobody is there
  [ -z "$output" ]
  new_cold_host
  run -1 cold dbarrier -n 2 -w 0.01 gate
  [[ $output == "dbarrier: gate: timed out: 1 of 2 were there"* ]]
  new_cold_host
  run -0 cold delect --enroll post
  new_cold_host
  run -0 --separate-stderr cold dlock -n --acquire --pid $$ job
  [ -n "$output" ]
}

@test "a peer that does not start has 5 s for it, whatever -w says, and is told of" {
  mkdir bin
  cp "$(command -v dlock)" bin/
  printf '#!/bin/sh\necho $$ >>"%s/pids"\nexec sleep 600\n' "$PWD" >bin/coordd
  chmod 755 bin/coordd
  new_cold_host
  begin=$(now_us)
  run -69 cold bin/dlock -w 0.01 job true
  [ $(($(now_us) - begin)) -ge 5000000 ]
  [ "${#lines[@]}" -eq 1 ]
  [[ $output == "dlock: $home/run/"*": the peer did not start: "* ]]
  xargs kill -KILL <pids
}

@test "of eight that come to a cold host with -n one gets the lock, the others are told that it is held" {
  own_host
  pids=()
  for i in $(seq 8); do
    dlock -n -E 9 job -- sh -c 'echo >>got; while [ ! -e go ]; do sleep 0.02; done' 3>&- &
    pids+=($!)
  done
  refused=0
  one_left() { [ "$(jobs -pr | wc -l)" -eq 1 ]; }
  eventually one_left
  touch go
  for pid in "${pids[@]}"; do
    status=0
    wait "$pid" || status=$?
    [ $status -eq 0 ] || [ $status -eq 9 ]
    [ $status -eq 0 ] || refused=$((refused + 1))
  done
  [ $refused -eq 7 ]
  [ "$(wc -l <got)" -eq 1 ]
  stop_own_host
}

@test "kill -9 of a group's leader: -n on the others waits for the next one" {
  new_group "$PWD/g" a b c
  start_group "${calm[@]}"
  for round in 1 2 3; do
    leader=$(leader_seen_by a)
    other=$(others_than "$leader" | head -n 1)
    run -0 on "$other" dlock -n warm true
    signal_peer KILL "$leader"
    run -0 on "$other" dlock -n "job$round" true
    signal_peer KILL "$leader" 2>/dev/null || true
    start_peer "$leader" "${calm[@]}"
    eventually group_has_leader
  done
}

@test "a minority: 69 after the time for a leader; what it leaves behind is granted to nobody" {
  new_group "$PWD/g" a b c
  start_group "${calm[@]}" # an election time-out of 1 s at most: -n waits 3 s for a leader
  leader=$(leader_seen_by a)
  for name in $(others_than "$leader"); do signal_peer STOP "$name"; done
  eventually sees_none "$leader"
  begin=$(now_us)
  run -69 on "$leader" dlock -n job true
  [ $(($(now_us) - begin)) -ge 3000000 ]
  [ "$output" = "dlock: job: no quorum: a majority of the peers cannot be reached: see dpeers" ]
  run -69 on "$leader" dlock -w 0.1 job true
  run -69 on "$leader" delect --slot monday -n job -- true
  run -69 on "$leader" dbarrier --reset gate
  run -69 on "$leader" dbarrier -n 2 -w 0.1 gate
  for name in $(others_than "$leader"); do signal_peer CONT "$name"; done
  eventually group_has_leader
  for name in a b c; do run -0 on $name dlock -n job true; done
  run -0 on a delect --slot monday --attempts 1 -n job -- true
}

@test "a group whose peers have not all met says whom it has not seen" {
  new_group "$PWD/g" alpha beta gamma
  start_peer alpha "${calm[@]}"
  start_peer beta "${calm[@]}"
  says() { # TEXT COMMAND...
    output=$(COORD_SOCKET=$group/alpha.sock "${@:2}" 2>&1) && return 1
    [ "$output" = "$1" ]
  }
  eventually says 'dlock: job: not begun: gamma has not been seen: see dpeers' dlock -n job true
  run -69 on alpha dlock -n job true
  run -69 on alpha dlock -w 0.01 job true
  [ "$output" = 'dlock: job: not begun: gamma has not been seen: see dpeers' ]
  run -69 on alpha delect -n job -- true
  [ "$output" = 'delect: job: not begun: gamma has not been seen: see dpeers' ]
  run -69 on alpha dbarrier -n 2 -w 0.01 gate
  [ "$output" = 'dbarrier: gate: not begun: gamma has not been seen: see dpeers' ]
  run -69 on alpha dbarrier --reset gate
  [[ $output == 'dbarrier: gate: not begun: gamma has not been seen: '* ]]
  run -69 on alpha dlock --list
  [[ $output == *': not begun: gamma has not been seen: --stale shows '* ]]
  on alpha dlock --verbose job touch served 2>waiting 3>&- &
  waiter=$!
  eventually grep -qx 'dlock: job: waiting: not begun: gamma has not been seen' waiting
  start_peer gamma "${calm[@]}"
  wait $waiter
  [ -e served ]
}

@test "a peer that greets and then hangs: -n and orders end; 76 where something may have come of it" {
  cat >hangs.py <<'PY'
"""hangs.py SOCKET PEER: passes on the greeting of each tool and the answer to it, and nothing else."""
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
kept = []
while True:
    tool, _ = server.accept()
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(sys.argv[2])
    said = tool.recv(65536)
    peer.sendall(said[:8 + int.from_bytes(said[4:8], "little")])
    tool.sendall(peer.recv(65536))
    kept += [tool, peer]
PY
  own_host
  run -0 dlock -n job true
  python3 hangs.py "$PWD/s" "$(echo "$XDG_RUNTIME_DIR"/*/*.sock)" 3>&- &
  eventually test -S s
  export COORD_SOCKET=$PWD/s
  run -69 dlock -n job true
  [ "$output" = "dlock: job: the peer does not answer: see dpeers" ]
  run -69 delect -n job -- true
  run -76 delect --slot monday -n job -- true
  run -76 dlock --rate 1/1 -n job true
  run -76 dbarrier --reset gate
  run -69 dlock -w 0.1 job true
  unset COORD_SOCKET
  stop_own_host
}
