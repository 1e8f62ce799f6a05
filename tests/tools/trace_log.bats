#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# coordd --trace-log: the logs of all peers are one log, which dclock validates and draws.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  for peer in a b c; do start_peer $peer "${calm[@]}" --trace-log "$BATS_TEST_TMPDIR/$peer.log"; done
  export COORD_SOCKET=$group/a.sock
  cd "$BATS_TEST_TMPDIR"
  eventually group_has_leader
}

teardown() {
  end_jobs TERM
  stop_group
}

@test "locks, a decision and a transaction, with a peer that is started again: the logs of all are one" {
  for algorithm in ricart-agrawala lamport maekawa suzuki-kasami; do
    jobs=()
    for peer in a b c; do
      on $peer dlock --algorithm $algorithm "door-$algorithm" true 3>&- &
      jobs+=($!)
    done
    for job in "${jobs[@]}"; do wait "$job"; done
  done
  on b delect --algorithm bully --bound 0.3 --i-know boss -- sleep 600 3>&- &
  standing=$!
  eventually grep -q ' boss: leads$' b.log
  on c delect --algorithm bully --bound 0.3 --i-know boss -- true
  wait "$standing" || [ $? -eq 75 ]
  grep -q ' boss: .* from c$' b.log
  [ "$(on b dpropose --algorithm paxos plan one)" = one ]
  signal_peer TERM c
  eventually peer_gone c
  start_peer c "${calm[@]}" --trace-log "$BATS_TEST_TMPDIR/c.log"
  eventually group_has_leader
  [ "$(on c dpropose --algorithm paxos other two)" = two ]
  jobs=()
  for peer in a b c; do
    on $peer dcommit t -n 3 --protocol 2pc --i-know --prepare true --commit true --abort false 3>&- &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job"; done
  stop_group
  run -0 dclock validate a.log b.log c.log
  dclock draw --to svg a.log b.log c.log >drawn.svg
  grep -q 'door-maekawa' drawn.svg
  grep -q ' plan: ' a.log
  grep -q ' t: decision (commit) from ' <(cat b.log c.log a.log)
  [ "$(dclock merge a.log b.log c.log | wc -l)" -eq "$(cat a.log b.log c.log | wc -l)" ]
  [ "$(stat -c %a a.log)" = 600 ]
}

@test "a file that is no log of this peer is refused, and what a death left of a line is cut off" {
  signal_peer TERM c
  eventually peer_gone c
  echo 'something else' >other
  run timeout 20 coordd --name c --state-dir "$group/c" --socket "$group/c2.sock" --peers "$(cat "$group/peers")" --key-file "$group/key" --trace-log other
  [ "$status" -eq 65 ]
  printf 'c {"c":7} @2026-01-01T00:00:00Z enters\nc {"c":8' >c2.log
  start_peer c "${calm[@]}" --trace-log "$BATS_TEST_TMPDIR/c2.log"
  eventually group_has_leader
  on c dlock --algorithm ricart-agrawala door true
  [[ $(sed -n 2p c2.log) == 'c {'*'"c":8'* ]]
}
