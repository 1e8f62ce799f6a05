#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The guards of a command: its wrapper (with -F a process of its own), and its host's peer. Whichever dies, the one that is left stops
# the command in time when the lock is lost; and all may die and come back.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers
load guard_helpers

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

@test "wrapper and peer: the wrapper is killed, the peer stops the command" {
  stubborn
  kill -9 $wrapper
  cut_off b c
  stopped_in_time
}

@test "wrapper and peer: the peer is killed, the wrapper stops the command" {
  stubborn
  signal_peer KILL a
  cut_off b c
  stopped_in_time
}

@test "-F: the guard is killed, the peer stops the command" {
  stubborn -F
  guard=$(guard_of $wrapper)
  kill -9 "$guard"
  cut_off b c
  stopped_in_time
}

@test "-F: the peer is killed, the guard stops the command" {
  stubborn -F
  guard_of $wrapper
  signal_peer KILL a
  cut_off b c
  stopped_in_time
}

@test "-F: the peer is frozen, the guard stops the command" {
  stubborn -F
  cut_off a b c
  stopped_in_time
}

@test "-F: guard and peer are killed, the peer comes back: the command is its own again" {
  ttl=8 # the peer that is killed may lead: its restart, and an election that may need a second round, are within 0.8 of it
  stubborn -F
  token=$(dlock --list --json job | jq -r '.holders[0].token')
  kill -9 "$(guard_of $wrapper)"
  signal_peer KILL a
  eventually peer_gone a
  start_peer a "${calm[@]}"
  run -1 on b dlock -w $ttl.2 job true
  run -0 on b dlock --check job --token "$token"
  cut_off b c
  stopped_in_time
}

@test "-F: the guard goes with its command, and lets go at once" {
  dlock -F --ttl 60 job -- sh -c 'echo x >ready; sleep 0.3' 3>&-
  run -0 on b dlock -w 2 job true
}

@test "-o: the peer is killed, the wrapper stops the command; the wrapper is killed, the peer does" {
  stubborn -o
  signal_peer KILL a
  cut_off b c
  stopped_in_time
}
