#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Two of a command's guards die, one after the other: the one that is left, or that comes back, stops the command in time. And what a
# wrapper that was killed leaves behind.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers
load guard_helpers
ttl=4

setup() {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  export COORD_SOCKET=$group/a.sock
  cd "$BATS_TEST_TMPDIR"
  start_group "${calm[@]}"
}

teardown() {
  stop_group
  end_jobs KILL
}

restart() {
  signal_peer KILL "$1"
  eventually peer_gone "$1"
  start_peer "$1" "${calm[@]}"
  eventually sees_leader "$1"
}

# The command of `stubborn` holds on, under the token that it had.
still_held() {
  run -1 on b dlock -w $ttl.2 job true
  run -0 on b dlock --check job --token "$token"
}

@test "wrapper and peer are killed, the peer comes back: the command is its own" {
  stubborn
  token=$(dlock --list --json job | jq -r '.holders[0].token')
  kill -9 $wrapper
  restart a
  still_held
  cut_off b c
  stopped_in_time
}

@test "peer and wrapper are killed in the other order: the peer that is back is enough" {
  stubborn
  token=$(dlock --list --json job | jq -r '.holders[0].token')
  restart a
  kill -9 $wrapper
  still_held
  cut_off b c
  stopped_in_time
}

@test "the peer comes back, then is killed as well: the wrapper that has found it is enough" {
  stubborn
  token=$(dlock --list --json job | jq -r '.holders[0].token')
  restart a
  still_held
  signal_peer KILL a
  cut_off b c
  stopped_in_time
}

@test "-F: the peer comes back, then is killed as well: the guard that has found it is enough" {
  stubborn -F
  token=$(dlock --list --json job | jq -r '.holders[0].token')
  restart a
  still_held
  signal_peer KILL a
  cut_off b c
  stopped_in_time
}

@test "-F: the guard is frozen, the peer stops the command" {
  stubborn -F
  guard=$(guard_of $wrapper)
  kill -STOP "$guard"
  cut_off b c
  stopped_in_time
  kill -KILL "$guard"
}

@test "-o: wrapper and peer are killed: the peer that is back stops the command before anybody gets the lock" {
  stubborn -o
  kill -9 $wrapper # its end takes the command along: the peer has a moment for it, or none
  signal_peer KILL a
  eventually peer_gone a
  start_peer a "${calm[@]}"
  run -0 on b dlock -w 20 job -- bash -c 'echo "${EPOCHREALTIME/./}" >next'
  [ "$(cat next)" -gt "$(tail -n 1 writes)" ]
  eventually still
}

@test "-o: wrapper, peer and the command itself are gone, a background process of it is left: it is stopped as well" {
  dlock -o --ttl $ttl job -- bash -c 'setsid bash -c "while :; do echo \${EPOCHREALTIME/./} >>writes; sleep 0.01; done" & echo $$ >command; wait' \
    3>&- 2>/dev/null &
  wrapper=$!
  eventually is_file command
  eventually is_file writes
  kill -STOP "$(pid_of a)"
  kill -9 $wrapper "$(cat command)"
  signal_peer KILL a
  eventually peer_gone a
  start_peer a "${calm[@]}"
  run -0 on b dlock -w 20 job -- bash -c 'echo "${EPOCHREALTIME/./}" >next'
  [ "$(cat next)" -gt "$(tail -n 1 writes)" ]
  eventually still
}

@test "the control group of a wrapper that was killed is removed when its command has ended" {
  hold a job
  cgroup=$(group_of_command "$command") || skip "no control group can be made here"
  kill -9 "$holder"
  [ -d "$cgroup" ]
  release job
  removed() { [ ! -d "$cgroup" ]; }
  eventually removed
}

@test "-o: who clears its environment after its wrapper died is found by its control group" {
  dlock -o job -- sh -c 'echo $$ >command; env -i setsid sh -c "while :; do echo x >>writes; sleep 0.01; done" 3>&- & wait' 3>&- 2>/dev/null &
  wrapper=$!
  eventually is_file command
  eventually is_file writes
  cgroup=$(group_of_command "$(cat command)") || skip "no control group can be made here"
  kill -9 $wrapper
  run -0 on b dlock -w 5 job true
  still
  removed() { [ ! -d "$cgroup" ]; }
  eventually removed
}
