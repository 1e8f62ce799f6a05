#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Kills and pauses under load: no two commands at once, no update lost, service back within ten election time-outs.
bats_require_minimum_version 1.5.0
load load

setup() {
  cd "$BATS_TEST_TMPDIR"
  write_worker
}

teardown() {
  jobs -p | xargs -r kill 2>/dev/null || true
  stop_group
  wait
}

@test "the leader is killed again and again" {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  start_group
  start_workers 14 9
  for round in 1 2 3; do
    eventually more_updates_than $((round * 10))
    leader=$(for name in a b c; do leader_seen_by $name; done | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
    signal_peer KILL "$leader"
    service_is_back 5000 # ten time-outs of 0.3 s and a lease of 2 s that a holder there may have had
    eventually peer_gone "$leader"
    start_peer "$leader"
    eventually sees_leader "$leader"
  done
  check_counter 20
}

@test "peers are paused in turn, longer than their leases" {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  start_group
  start_workers 14 9
  for name in a b c; do
    before=$(updates)
    eventually more_updates_than "$before"
    signal_peer STOP $name
    service_is_back 5000
    sleep 2.2 # longer than the TTL: what it holds is over when it wakes up
    signal_peer CONT $name
  done
  check_counter 20
}

@test "all peers are killed at once and started again" {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  start_group
  start_workers 12 9
  for round in 1 2; do
    before=$(updates)
    eventually more_updates_than $((before + 5))
    for name in a b c; do signal_peer KILL $name; done
    for name in a b c; do eventually peer_gone $name; done
    for name in a b c; do start_peer $name; done
    eventually group_has_leader
    service_is_back 5000
  done
  check_counter 20
}

@test "tools that end while their grant is on its way leave nothing held" {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  start_group
  for round in $(seq 60); do
    core_bench pairs 64 0.05 "$group/a.sock" "$group/b.sock" "$group/c.sock" >/dev/null # their leases are a minute
  done
  nothing_held() { [ -z "$(on a dlock --list)" ]; }
  eventually nothing_held
}

@test "five peers, two of them dead" {
  new_group "$BATS_TEST_TMPDIR/g" a b c d e
  start_group
  start_workers 8 10
  eventually more_updates_than 5
  leader=$(leader_seen_by a)
  other=$(others_than "$leader" | head -n 1)
  signal_peer KILL "$leader"
  signal_peer KILL "$other"
  service_is_back 5000
  check_counter 20
}
