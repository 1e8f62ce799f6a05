#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# coordd is killed and started again under running commands: holds survive it, and who waited goes on waiting.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  cd "$BATS_TEST_TMPDIR"
}

teardown() {
  stop_group
  [ ! -d home ] || pkill -KILL -f -- "--socket $XDG_RUNTIME_DIR" || true
  end_jobs KILL
}

# Three peers; a's is the one that dies.
group_of_three() {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  export COORD_SOCKET=$group/a.sock
  start_group "${calm[@]}"
}

# One host, nothing configured.
private_peer() {
  names=()
  unset COORD_SOCKET COORD_CONFIG COORD_SCOPE COORD_AUTOSTART XDG_STATE_HOME XDG_CONFIG_HOME
  export HOME="$BATS_TEST_TMPDIR/home" XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/run"
  mkdir -m 700 "$HOME" "$XDG_RUNTIME_DIR"
  own_log
}

restart() {
  signal_peer "${2:-KILL}" "$1"
  eventually peer_gone "$1"
  start_peer "$1" "${calm[@]}"
}

token_of() { on "$1" dlock --list --json "$2" | jq -r '.holders[0].token'; }

@test "the hold survives kill -9 of its peer, which is started by hand; the command ends with its own status" {
  group_of_three
  hold a job --ttl 3 --report r
  token=$(token_of b job)
  restart a
  eventually sees_leader a
  run -1 on b dlock -w 4 job true # longer than the lease: it is renewed again
  [ "$(token_of b job)" = "$token" ]
  kill -0 "$command"
  release job
  status=0
  wait $holder || status=$?
  [ $status -eq 0 ]
  run -0 on b dlock -n job true # released, not left to the lease
  jq -e '.outcome == "ran" and .messages.resume >= 1 and .exit_status == 0' r
}

@test "an orderly restart keeps holds as well" {
  group_of_three
  hold a job --ttl 3
  token=$(token_of b job)
  restart a TERM
  run -1 on b dlock -w 4 job true
  [ "$(token_of b job)" = "$token" ]
  release job
  wait $holder
}

@test "wrapper and peer are killed: the restarted peer holds for the command, and lets go when it ends" {
  group_of_three
  hold a job --ttl 3
  kill -9 "$holder"
  restart a
  run -1 on b dlock -w 4 job true
  kill -0 "$command"
  begin=$(now_us)
  release job
  run -0 on b dlock -w 10 job true
  [ $(($(now_us) - begin)) -lt 2000000 ] # not by its lease
}

@test "all of it is killed: the restarted peer closes the session at once" {
  group_of_three
  hold a job --ttl 60
  kill -9 "$holder" "$command"
  signal_peer KILL a
  eventually peer_gone a
  start_peer a "${calm[@]}"
  begin=$(now_us)
  run -0 on b dlock -w 20 job true
  [ $(($(now_us) - begin)) -lt 15000000 ]
}

@test "the peer stays away for too long: the command was stopped, and a late peer finds nothing to hold" {
  group_of_three
  hold a job --ttl 1
  signal_peer KILL a
  status=0
  wait $holder || status=$?
  [ $status -eq 75 ]
  start_peer a "${calm[@]}"
  run -0 on b dlock -w 10 job true
}

@test "who waits at a peer that is killed goes on waiting at the next one" {
  group_of_three
  hold b job
  dlock job touch served 3>&- 2>errors &
  waiter=$!
  eventually waits_for b job
  restart a
  eventually waits_for b job
  release job
  wait $waiter
  [ -e served ]
  [ ! -s errors ]
}

@test "a peer that is not started again: -w ends with 69 at its time" {
  group_of_three
  hold b job
  begin=$(now_us)
  dlock -w 2 job true 3>&- &
  waiter=$!
  eventually waits_for b job
  signal_peer KILL a
  status=0
  wait $waiter || status=$?
  [ $status -eq 69 ]
  [ $(($(now_us) - begin)) -ge 2000000 ]
  release job
}

@test "a private peer is started again by the wrapper of a running command" {
  private_peer
  mkfifo go
  dlock --ttl 2 job -- sh -c 'echo "$DLOCK_TOKEN" >token; read line <go; exit 7' 3>&- &
  holder=$!
  eventually is_file token
  pkill -KILL -f -- "--socket $XDG_RUNTIME_DIR"
  sleep 3 # longer than the lease: without a peer the command would be stopped
  [ "$(dlock --no-autostart --list --json job | jq -r '.holders[0].token')" = "$(cat token)" ]
  echo >go
  status=0
  wait $holder || status=$?
  [ $status -eq 7 ]
  run -0 dlock -n job true
}

@test "a private peer is started again by who waits, and the holder's hold is still in front" {
  private_peer
  mkfifo go
  dlock --ttl 3 job -- sh -c 'echo x >held; read line <go; echo first >>order' 3>&- &
  holder=$!
  eventually is_file held
  dlock job -- sh -c 'echo second >>order' 3>&- &
  waiter=$!
  waits() { [ "$(dlock --list --json job | jq '.waiters | length')" = 1 ]; }
  eventually waits
  pkill -KILL -f -- "--socket $XDG_RUNTIME_DIR"
  eventually waits
  echo >go
  wait $holder
  wait $waiter
  [ "$(xargs <order)" = "first second" ]
}

@test "a secret is in no environment and no listing" {
  group_of_three
  hold a job
  tr '\0' '\n' <"/proc/$command/environ" | grep ^DLOCK_ >environment
  run -0 cut -d= -f1 environment
  [ "$(sort <<<"$output" | xargs)" = "DLOCK_NAME DLOCK_SCOPE DLOCK_SESSION DLOCK_TOKEN" ]
  run -0 dlock --list --json job
  [[ $output != *secret* ]]
  [ "$(stat -c %a "$group/a/sessions/holds")" = 600 ]
  release job
}

@test "a record of holds that is damaged in any way harms nobody but what it recorded" {
  names=()
  mkdir st
  start() {
    coordd --name solo --state-dir st --socket "$PWD/s" </dev/null >>log 2>&1 3>&- &
    peer=$!
    disown
  }
  stop() { kill -9 $peer; eventually gone $peer; }
  export COORD_SOCKET=$PWD/s
  start
  ready() { dlock --ttl 1 -w 5 job true; }
  eventually ready
  for damage in 'truncate -s 0' 'truncate -s 300' 'head -c 5000 </dev/urandom >' 'rm -f'; do
    stop
    eval "$damage" st/sessions/holds
    start
    eventually ready
  done
  stop
  rm -f st/sessions/holds
  mkdir st/sessions/holds
  run -69 timeout 10 coordd --name solo --state-dir st --socket "$PWD/s2"
  [[ $output == *"st/sessions/holds: "* ]]
}
