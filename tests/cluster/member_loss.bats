#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A host without a vote that is cut off from all voters: what it holds is stopped before it is granted elsewhere.
bats_require_minimum_version 1.5.0
load load
load network

setup() {
  cd "$BATS_TEST_TMPDIR"
  new_group "$BATS_TEST_TMPDIR/g" a b c
  echo "a=10.7.0.1:7411,b=10.7.0.2:7411,c=10.7.0.3:7411" >"$group/peers"
  mkdir "$group/m"
  names=(a b c m)
  make_network || skip "network namespaces are not allowed here"
  names=(a b c)
  start_group
  COORD_SOCKET='' ip netns exec "$net-m" coordd --name m --join 10.7.0.1:7411,10.7.0.2:7411,10.7.0.3:7411 --listen 10.7.0.4:7411 \
    --key-file "$group/key" --state-dir "$group/m" --socket "$group/m.sock" </dev/null >>"$group/m.log" 2>&1 3>&- &
  echo $! >"$group/m.pid"
  disown
  eventually serves m
  # Heeds no TERM, and says when it still ran.
  cat >writer <<'WRITER'
trap "" TERM
while :; do echo "${EPOCHREALTIME/./}" >>writes; sleep 0.01; done
WRITER
}

teardown() {
  jobs -p | xargs -r kill 2>/dev/null || true
  names=(a b c m)
  stop_group
  wait
  remove_network
}

serves() { on "$1" dlock --list >/dev/null 2>&1; }

# The member is cut off, and a voter's host waits for what it holds: no word of the command is younger than that grant.
cut_off_until_granted() {
  eventually is_file writes
  unplug m
  run -0 on a dlock -w 20 job -- bash -c 'echo "${EPOCHREALTIME/./}" >granted'
  sleep 0.3 # a command that still runs would write
  echo "granted at $(cat granted), the last word at $(tail -n 1 writes)"
  [ "$(cat granted)" -gt "$(tail -n 1 writes)" ]
}

ends_75() {
  local status=0
  wait "$1" || status=$?
  [ $status -eq 75 ] || { echo "ended with $status" && return 1; }
}

@test "its command is dead before the next grant, dlock ends with 75, and it serves again when the cut is mended" {
  on m dlock --ttl 2 job -- bash writer 3>&- &
  holder=$!
  cut_off_until_granted
  ends_75 $holder
  eventually sees_none m
  run -69 on m dlock -n other true
  plug m
  eventually serves m
  run -0 on m dlock -w 20 job true
}

@test "a command that forked twice and left the session is stopped as well" {
  on m dlock --ttl 2 job -- bash -c '(setsid bash writer </dev/null &) ; trap "" TERM; while :; do sleep 0.1; done' 3>&- &
  holder=$!
  cut_off_until_granted
  ends_75 $holder
}

@test "with the wrapper killed, its host's peer alone stops the command in time" {
  COORD_SOCKET=$group/m.sock dlock --ttl 2 job -- bash writer 3>&- & # the wrapper itself, no shell before it
  holder=$!
  eventually is_file writes
  kill -KILL $holder
  sleep 1
  is_held a job # by the command that is left
  cut_off_until_granted
}

@test "a leader (delect) there is stopped before another one leads" {
  on m delect --ttl 2 job -- bash writer 3>&- &
  holder=$!
  eventually is_file writes
  unplug m
  run -0 on a delect -w 20 job -- bash -c 'echo "${EPOCHREALTIME/./}" >led'
  ends_75 $holder
  [ "$(cat led)" -gt "$(tail -n 1 writes)" ]
}
