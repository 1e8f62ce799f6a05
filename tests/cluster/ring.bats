#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A ring of eight hosts under puts and gets, while hosts are killed, stopped and cut off. scripts/test-ring does it for longer.
bats_require_minimum_version 1.5.0
load ../tools/peer_helpers
load network
load ring

setup() {
  cd "$BATS_TEST_TMPDIR"
  new_group "$BATS_TEST_TMPDIR/g" a b c d e f g h
  local i=0 list='' name
  for name in "${names[@]}"; do
    i=$((i + 1))
    list+="${list:+,}$name=10.7.0.$i:7411"
  done
  echo "$list" >"$group/peers"
  make_network || skip "network namespaces are not allowed here"
  start_group
  for name in "${names[@]}"; do on "$name" chordctl join -w 60; done
  write_ring_user
}

teardown() {
  end_jobs KILL
  stop_group
  remove_network
}

@test "eight hosts, one killed, two cut off and one stopped: nothing that was acknowledged is lost, and it is one ring again" {
  start_ring_users 12 a b c d
  start_causal_users 12 1
  start_single_users 12 1
  sleep 2
  signal_peer KILL b
  sleep 2
  start_peer b
  unplug c
  unplug h
  sleep 3
  plug c
  plug h
  signal_peer STOP d
  sleep 2
  signal_peer CONT d
  judge_ring 20
}
