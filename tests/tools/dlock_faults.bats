#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlock while peers stop, die and come back: lost means stopped, and nothing is granted that a majority does not know of.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  export COORD_SOCKET=$group/a.sock
  cd "$BATS_TEST_TMPDIR"
}

teardown() {
  stop_group
  if [ -s wrapper ]; then kill -CONT "$(cat wrapper)" 2>/dev/null || true; fi
  end_jobs KILL
}

# A command that only KILL ends, nor does it go with its parent; it and a daemon of it write the time as long as they live.
stubborn() {
  cat >stubborn <<'SH'
trap '' TERM HUP INT
setsid bash -c "trap '' TERM HUP INT; while :; do echo \${EPOCHREALTIME/./} >>writes; sleep 0.01; done" &
while :; do echo "${EPOCHREALTIME/./}" >>writes; sleep 0.01; done
SH
  dlock "$@" --report r job -- bash stubborn 3>&- &
  holder=$!
  echo $holder >wrapper
  eventually is_file writes
}

# The last write came before 0.85 of the TTL (seconds) after `since`, and there are no more. Renewals sent before `since` were the last.
stopped_in_time() {
  local ttl=$1 since=$2
  still() { cp writes before; sleep 0.3; cmp -s writes before; }
  eventually still
  local after=$(($(tail -n 1 writes) - since))
  echo "the last write $after us after the cut, limit $((ttl * 850000))"
  [ $after -gt 0 ]
  [ $after -lt $((ttl * 850000)) ]
}

status_of_holder() { status=0; wait $holder || status=$?; }

@test "no quorum: -n is 69 when its time for a leader is over, -w 69 at its end, --list 69, --stale and dpeers answer, a waiter is served when it is back" {
  start_group "${calm[@]}"
  run -0 dlock before true
  signal_peer KILL b
  signal_peer KILL c
  eventually sees_none a
  begin=$(now_us)
  run -69 dlock -n job true
  [ $(($(now_us) - begin)) -ge 3000000 ] # three election time-outs
  [ "${#lines[@]}" -eq 1 ]
  [[ $output == "dlock: job: no quorum: "* ]]
  run -69 dlock -E 5 -n job true
  begin=$(now_us)
  run -69 dlock -w 0.5 job true
  [ $(($(now_us) - begin)) -ge 500000 ]
  run -69 dlock --list
  [ "${#lines[@]}" -eq 1 ]
  run -0 dlock --list --stale
  run -0 dpeers
  run -69 dlock --report r -n job true
  [ "$(jq -r .outcome r)" = no_quorum ]
  dlock job touch served 3>&- &
  waiter=$!
  start_peer c "${calm[@]}"
  wait $waiter
  [ -e served ]
}

@test "all other peers stop: the command is stopped before 0.85 TTL, status 75" {
  start_group "${calm[@]}"
  stubborn --ttl 3
  since=$(now_us)
  signal_peer STOP b
  signal_peer STOP c
  status_of_holder
  [ $status -eq 75 ]
  stopped_in_time 3 "$since"
  jq -e '.outcome == "lost" and .signal == 9' r
  signal_peer CONT b
  signal_peer CONT c
  run -0 on b dlock -w 15 job true
}

@test "every peer stops, one's own included: the wrapper alone is enough" {
  start_group "${calm[@]}"
  stubborn --ttl 3
  since=$(now_us)
  for name in a b c; do signal_peer STOP $name; done
  status_of_holder
  [ $status -eq 75 ]
  stopped_in_time 3 "$since"
}

@test "the wrapper is stopped and the others are gone: the peer alone is enough" {
  start_group "${calm[@]}"
  stubborn --ttl 3
  since=$(now_us)
  stop_process $holder
  signal_peer KILL b
  signal_peer KILL c
  stopped_in_time 3 "$since"
  kill -CONT $holder
  status_of_holder
  [ $status -eq 75 ]
  jq -e '.outcome == "lost"' r
}

@test "the wrapper is killed and the others are gone: the peer alone is enough" {
  start_group "${calm[@]}"
  stubborn --ttl 3
  since=$(now_us)
  kill -9 $holder
  signal_peer KILL b
  signal_peer KILL c
  stopped_in_time 3 "$since"
}

@test "TERM comes a grace before KILL, and a command that heeds it is not killed" {
  start_group "${calm[@]}"
  dlock --ttl 3 --grace 1 --report r job -- bash -c 'trap "echo ${EPOCHREALTIME/./} >term; exit 0" TERM; echo x >ready
    while :; do sleep 0.01; done' 3>&- &
  holder=$!
  eventually is_file ready
  since=$(now_us)
  signal_peer STOP b
  signal_peer STOP c
  status_of_holder
  [ $status -eq 75 ]
  [ -s term ]
  jq -e '.outcome == "lost" and .signal == null and .exit_status == 0' r
}

@test "the leader dies: a hold on another host survives and is not disturbed, waiters keep their places" {
  start_group
  leader=$(leader_seen_by a)
  read -r holder_host waiter_host < <(others_than "$leader" | xargs)
  hold "$holder_host" job --ttl 2
  COORD_SOCKET=$group/$waiter_host.sock dlock job -- sh -c 'echo 1 >>order' 3>&- &
  eventually waits_for "$holder_host" job 1
  COORD_SOCKET=$group/$holder_host.sock dlock job -- sh -c 'echo 2 >>order' 3>&- &
  eventually waits_for "$holder_host" job 2
  signal_peer KILL "$leader"
  run -1 on "$waiter_host" dlock -w 4 job true # longer than the lease
  kill -0 "$command"
  release job
  wait $holder
  wait
  [ "$(tr -d '\n' <order)" = 12 ]
}

@test "one's own peer dies: the command is stopped in time, tokens grow, nobody gets in before" {
  start_group "${calm[@]}"
  before=$(dlock job printenv DLOCK_TOKEN)
  stubborn --ttl 3
  since=$(now_us)
  signal_peer KILL a
  eventually peer_gone a
  COORD_SOCKET=$group/b.sock dlock job -- bash -c 'echo "$DLOCK_TOKEN ${EPOCHREALTIME/./}" >next' 3>&- &
  next=$!
  status_of_holder
  [ $status -eq 75 ]
  stopped_in_time 3 "$since"
  wait $next
  read -r token granted <next
  [ "$token" -gt "$before" ]
  [ "$granted" -gt "$(tail -n 1 writes)" ]
}

@test "one's own peer dies: a short command ends with its own status" {
  start_group "${calm[@]}"
  hold a job
  signal_peer KILL a
  release job
  wait $holder
}

@test "all peers are killed and started again: tokens still grow" {
  start_group "${calm[@]}"
  before=$(dlock job printenv DLOCK_TOKEN)
  for round in 1 2; do
    for name in a b c; do signal_peer KILL $name; done
    for name in a b c; do eventually peer_gone $name; done
    start_group "${calm[@]}"
    after=$(dlock job printenv DLOCK_TOKEN)
    [ "$after" -gt "$before" ]
    before=$after
  done
}

@test "--lock-delay keeps the name shut after a holder was lost" {
  start_group "${calm[@]}"
  dlock --ttl 1 --lock-delay 2 job -- sleep 60 3>&- &
  holder=$!
  eventually is_held b job
  signal_peer KILL a
  kill -9 $holder
  lost=$(now_us)
  run -0 on b dlock -w 15 job true
  echo "granted after $(($(now_us) - lost)) us"
  [ $(($(now_us) - lost)) -ge 2700000 ] # a lease that was renewed up to 0.25 TTL before, and the delay
}
