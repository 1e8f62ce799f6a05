#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# This host's peer is there and stopped (SIGSTOP): -w and -n end in their time, and dpeers doctor says what is wrong.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  cd "$BATS_TEST_TMPDIR"
  own_host
}

teardown() {
  [ -z "${stopped-}" ] || kill -CONT "$stopped"
  end_jobs KILL
  stop_own_host
}

@test "-w and -n end in their time, and doctor fails with the process and what to do" {
  dlock job true
  stopped=$(pgrep -f -- "--socket $XDG_RUNTIME_DIR/")
  kill -STOP "$stopped"
  dpeers doctor --json >findings 3>&- &
  doctor=$!
  for command in 'dlock -n job true' 'dlock -w 0.5 job true' 'delect -w 0.5 job true' 'dbarrier -n 1 -w 0.5 gate' 'dcast -w 0.5 name x' \
    'dpeers wait -n 1 -w 0.5' 'dpeers remove -w 0.5 other' 'dpropose -n p v' 'dpropose -w 0.5 p v' 'chordctl get -w 0.5 k' 'dsnapshot -w 0.5' \
    'dcommit c -n 1 --prepare true --commit true --abort true -w 0.5'; do
    began=$(now_us)
    run -69 $command
    waited=$(($(now_us) - began))
    echo "$command: $waited us: $output"
    [ "$waited" -lt 3000000 ] # 5 s without
  done
  status=0
  wait "$doctor" || status=$?
  [ "$status" -eq 1 ]
  [ "$(jq -r 'select(.status == "fail") | .check' findings)" = socket ]
  jq -e --arg pid "$stopped" 'select(.status == "fail") | (.what | contains("process " + $pid)) and (.remedy | contains("kill -CONT " + $pid))' findings
  kill -CONT "$stopped"
  stopped=
  [ "$(dpeers doctor --json | jq -r 'select(.check == "socket") | .status')" = ok ]
}

@test "a peer that has to be started has its time, however short -w is" {
  run -0 dlock -w 0 job true
  stop_own_host
  run -0 dlock -n job true
}
