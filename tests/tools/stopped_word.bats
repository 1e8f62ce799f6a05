#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Nothing is killed without a word: who stops a command says why, in one line, whatever is quiet.
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

# The three that run a command, as quiet as can be, each with its command in the background.
start_all() {
  dlock -q --ttl $ttl word.lock "$@" 3>&- 2>lock.err &
  lock=$!
  delect -q --ttl $ttl word.lead "$@" 3>&- 2>lead.err &
  lead=$!
  dbarrier -q --ttl $ttl --count 1 word.meet "$@" 3>&- 2>meet.err &
  meet=$!
}
running() { [ "$(cat ran 2>/dev/null | wc -l)" -ge "$1" ]; }

# one_word FILE TEXT: the only line in it tells that.
one_word() {
  cat "$1"
  [ "$(wc -l <"$1")" = 1 ]
  [[ $(cat "$1") == $2 ]]
}

@test "the peer is killed: 75, and one line" {
  start_all -- sh -c 'echo x >>ran; exec sleep 60'
  eventually running 3
  signal_peer KILL a
  for tool in lock lead meet; do
    wait "${!tool}" && status=0 || status=$?
    [ "$status" = 75 ]
    one_word $tool.err "d*: word.$tool: lost: no renewal for * s, the peer is gone: the command is stopped"
  done
}

@test "the peer is stopped, or cut off from the others: 75, and one line" {
  start_all -- sh -c 'echo x >>ran; exec sleep 60'
  eventually running 3
  cut_off b c
  for tool in lock lead meet; do
    wait "${!tool}" && status=0 || status=$?
    [ "$status" = 75 ]
    one_word $tool.err "d*: word.$tool: lost: *: the command is stopped"
  done
  for name in b c; do signal_peer CONT $name; done
  eventually group_has_leader
  start_all -- sh -c 'echo x >>ran; exec sleep 60'
  eventually running 6
  cut_off a
  for tool in lock lead; do # dbarrier waits for its peer, to learn of the others
    wait "${!tool}" && status=0 || status=$?
    [ "$status" = 75 ]
    one_word $tool.err "d*: word.$tool: lost: no renewal for * s, the peer is cut off or stopped: the command is stopped"
  done
  signal_peer CONT a
  wait $meet && status=0 || status=$?
  [ "$status" = 75 ]
  one_word meet.err "dbarrier: word.meet: lost: no renewal for * s, the peer is cut off or stopped: the command is stopped"
}

@test "the wrapper was stopped itself, and the peer stops the command: one line when it goes on" {
  ttl=10 # the other host breaks the lock within it, on a busy machine too
  dlock -q --ttl $ttl job -- sh -c 'echo x >>ran; exec sleep 60' 3>&- 2>lock.err &
  lock=$!
  eventually running 1
  kill -STOP $lock
  run -0 on b dlock --break job --yes
  kill -CONT $lock
  wait $lock && status=0 || status=$?
  [ "$status" = 75 ]
  one_word lock.err "dlock: job: lost: broken by *: the command is stopped"
}

@test "-F: its guard has the last word, and keeps no reader waiting" {
  dlock -q -F --ttl $ttl job -- sh -c 'echo x >>ran; exec sleep 60' 3>&- 2>lock.err &
  lock=$!
  eventually running 1
  signal_peer KILL a
  wait $lock && status=0 || status=$?
  [ "$status" = 143 ]
  eventually is_file lock.err
  one_word lock.err "dlock: job: lost: no renewal for * s, the peer is gone: the command is stopped"
  on b timeout 20 dlock -F job -- sh -c 'sleep 60 >/dev/null 2>&1 3>&- & echo $! >left' 2>&1 | cat
  kill "$(cat left)"
}

@test "--max-run: 124, and one line" {
  for how in '' --rate=5/1; do
    # shellcheck disable=SC2086
    run -124 dlock -q $how --max-run 0.2 "job$how" sleep 60
    [[ "${#lines[@]} $output" == "1 dlock: job$how: --max-run: 0.2 s are over: the command is stopped" ]]
  done
}

@test "a reader of standard error that hangs keeps nobody from being stopped, and learns why in the end" {
  mkfifo err
  exec 8<>err
  # Full: what is written to it now waits.
  python3 -c '
import os
full = os.open("err", os.O_WRONLY | os.O_NONBLOCK)
try:
    while os.write(full, bytes(4096)): pass
except BlockingIOError: pass'
  dlock -q --ttl $ttl job -- sh -c 'trap "" TERM; exec 2>/dev/null; while :; do echo x >>beats; sleep 0.02; done' 3>&- 2>&8 8>&- &
  wrapper=$!
  eventually is_file beats
  signal_peer KILL a
  since=$(now_us)
  stopped() {
    cp beats before
    sleep 0.2
    cmp -s beats before
  }
  eventually stopped
  [ $(($(now_us) - since)) -lt $((ttl * 1000000 + 500000)) ]
  cat err >said 8>&- &
  reader=$!
  wait $wrapper && status=0 || status=$?
  [ "$status" = 75 ]
  exec 8>&-
  wait $reader
  [ "$(tr -d '\0' <said | wc -l)" = 1 ]
  [[ $(tr -d '\0' <said) == "dlock: job: lost: "*": the command is stopped" ]]
}
