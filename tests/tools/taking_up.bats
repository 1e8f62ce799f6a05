#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A tool that is stopped when its turn comes: before it has taken the turn up the next one gets it, afterwards it keeps it; and
# wherever it was stopped, if it goes on when the next one is at work, there are never two.
# labels: slow
bats_require_minimum_version 1.5.0
load peer_helpers

setup_file() {
  new_group "$BATS_FILE_TMPDIR/g" a b c
  start_group "${calm[@]}"
}
teardown_file() {
  group=$BATS_FILE_TMPDIR/g
  names=(a b c)
  stop_group
}
setup() {
  use_group "$BATS_FILE_TMPDIR/g"
  export COORD_SOCKET=$group/a.sock
  cd "$BATS_TEST_TMPDIR"
  # work NAME [FIFO]: what runs under the lock; writes down that it ran, and whether somebody else was at it.
  cat >work <<'SH'
exec 9>>at_work
flock -n 9 || echo "$1" >>two
echo "$1" >>ran
[ $# -lt 2 ] || read line <"$2"
sleep 0.05
SH
}
teardown() {
  local pid
  for pid in $(cat stopped* 2>/dev/null); do kill -CONT "$pid" 2>/dev/null || true; done
  for name in a b c; do signal_peer CONT $name; done
  end_jobs KILL
}

# stopped_at POINT TOOL...: in the background, until it is stopped there. Sets job.
stopped_at() {
  rm -f stopped
  stop_at "$1" stopped "${@:2}" 3>&- &
  job=$!
  eventually is_file stopped
  eventually is_stopped "$(cat stopped)"
}
is_stopped() { grep -q '^State:.*T' "/proc/$1/status"; }
goes_on() {
  local pid
  for pid in $(cat stopped); do kill -CONT "$pid" 2>/dev/null || true; done # or it was killed
}
never_two() { [ ! -e two ]; }
ran() { grep -qx "$1" ran 2>/dev/null; }

# The issue's own case, without any other help: a waiter that is stopped in line.
@test "a waiter is stopped: its turn passes on, and when it goes on it stands in line anew" {
  hold a line --ttl 2
  dlock --ttl 2 line sh work second 3>&- &
  second=$!
  eventually waits_for a line
  kill -STOP $second
  release line
  wait $holder
  run -0 on b dlock -w 15 --ttl 2 line sh work third
  run ! ran second
  kill -CONT $second
  wait $second
  [ "$(cat ran)" = $'third\nsecond' ]
  never_two
}

@test "before it is taken up: stopped at each point, the next one is at work when the tool goes on" {
  for point in granted forked asked; do
    rm -f ran
    stopped_at $point dlock --ttl 2 job sh work $point
    mkfifo go.$point
    on b dlock -w 15 --ttl 2 job sh work next go.$point 3>&- &
    if [ $point = asked ]; then # the peer has heard: it is taken up, and kept
      sleep 2.5                 # longer than the TTL: nothing may happen meanwhile
      run ! ran next
      goes_on
      wait $job
      eventually ran next
      echo >go.$point
    else
      eventually ran next
      goes_on
      eventually waits_for a job # in line anew, behind the next one
      run ! ran $point
      echo >go.$point
      wait $job
    fi
    wait
    ran $point
    never_two
  done
}

@test "once it is taken up a stopped tool changes nothing: it keeps its turn as long as it is stopped" {
  for point in answered told runs; do
    rm -f ran
    stopped_at $point dlock --ttl 2 job sh work $point
    on b dlock -w 20 --ttl 2 job sh work next 3>&- &
    next=$!
    eventually waits_for a job
    sleep 2.5 # longer than the TTL
    run ! ran next
    goes_on
    wait $job
    wait $next
    [ "$(cat ran)" = "$point"$'\nnext' ]
    never_two
  done
}

@test "taken up and stopped while the lock is lost: what waits to begin, or has begun, is stopped by the peer" {
  for point in answered told runs; do
    rm -f ran
    mkfifo go.$point next.$point
    stopped_at $point dlock --ttl 2 job sh work $point go.$point # a command that has begun waits
    signal_peer STOP b
    signal_peer STOP c
    eventually grep -q "is over: its command is killed" "$group/a.log"
    sleep 2.5 # longer than the TTL, from before the cut
    signal_peer CONT b
    signal_peer CONT c
    on b dlock -w 20 --ttl 2 job sh work next next.$point 3>&- &
    next=$!
    eventually ran next
    goes_on
    if [ $point = answered ]; then # nothing had begun: in line anew
      eventually waits_for a job
      echo >next.$point
      wait $next
      eventually ran $point
      echo >go.$point
      wait $job
    else
      ended=0
      wait $job || ended=$?
      [ $ended -eq 75 ]
      echo >next.$point
      wait $next
    fi
    never_two
    : >"$group/a.log"
  done
}

@test "the child alone is stopped before it waits, or begins: killed when its time is over" {
  for point in waiting begins; do
    rm -f ran
    stopped_at $point dlock --ttl 2 job sh work $point
    mkfifo go.$point
    on b dlock -w 20 --ttl 2 job sh work next go.$point 3>&- &
    eventually ran next
    kill -CONT "$(cat stopped)" 2>/dev/null || true # it is gone
    ended=0
    wait $job || ended=$?
    [ $ended -ne 0 ]
    run ! ran $point
    echo >go.$point
    wait
    never_two
  done
}

@test "Ctrl-Z: tool and child are stopped together" {
  for point in forked answered; do
    rm -f ran stopped
    stop_at --all $point stopped dlock --ttl 2 job sh work $point 3>&- &
    job=$!
    eventually is_file stopped
    tool=$(pgrep -P $job)
    on b dlock -w 20 --ttl 2 job sh work next 3>&- &
    next=$!
    if [ $point = forked ]; then
      wait $next
    else
      eventually waits_for a job
    fi
    kill -CONT $tool $(pgrep -P $tool)
    wait $job
    wait $next
    ran $point
    never_two
  done
}

@test "-F: the tool itself is what is guarded; stopped before and after" {
  for point in granted answered; do
    rm -f ran
    stopped_at $point dlock -F --ttl 2 job sh work $point
    mkfifo go.$point
    on b dlock -w 20 --ttl 2 job sh work next go.$point 3>&- &
    next=$!
    if [ $point = granted ]; then
      eventually ran next
      goes_on
      eventually waits_for a job
    else
      sleep 2.5
      run ! ran next
      goes_on
    fi
    echo >go.$point &
    wait $job
    eventually ran next
    wait $next
    ran $point
    never_two
  done
}

@test "delect: no lead file before it is taken up; dbarrier: who does not begin is lost" {
  stopped_at granted delect --ttl 2 --lead-file lead led sh work first
  [ ! -e lead ]
  mkfifo go.led
  on b delect -w 15 --ttl 2 led sh work next go.led 3>&- &
  next=$!
  eventually ran next
  goes_on
  eventually sh -c 'delect --list --json led | jq -e "[.candidates[]] | length >= 1"'
  run ! ran first
  [ ! -e lead ]
  echo >go.led
  wait $next
  wait $job
  ran first
  never_two

  rm -f ran stopped
  stop_at granted stopped dbarrier -n 2 --ttl 2 --id one gate sh work one 3>&- &
  job=$!
  on b dbarrier -n 2 --ttl 2 --id two --all-or-fail gate true 3>&- 2>err &
  two=$!
  eventually is_file stopped
  ended=0
  wait $two || ended=$?
  [ $ended -eq 3 ] # the other's command was lost
  goes_on
  ended=0
  wait $job || ended=$?
  [ $ended -eq 69 ] # it says that it has not begun
  run ! ran one
}

@test "--acquire: a hold whose tool is stopped before it could tell of it is not kept" {
  sleep 1000 3>&- &
  owner=$!
  hold a mine --ttl 2
  dlock --acquire --ttl 2 --pid $owner mine >token 3>&- &
  asking=$!
  eventually waits_for a mine
  kill -STOP $asking
  release mine
  wait $holder
  run -0 on b dlock -w 15 --ttl 2 mine true
  [ ! -s token ]
  kill -CONT $asking
  wait $asking
  [ "$(on b dlock --list --json mine | jq -r '.holders[0].token')" = "$(cat token)" ]
  dlock --release --pid $owner mine
  kill $owner
}

@test "-w counts on while the tool is stopped: over when it goes on it is 1; -n asks anew and is refused" {
  stopped_at granted dlock -w 3 --ttl 2 job sh work first
  mkfifo go.w
  on b dlock -w 15 --ttl 2 job sh work next go.w 3>&- &
  next=$!
  eventually ran next
  sleep 1.5
  goes_on
  ended=0
  wait $job || ended=$?
  [ $ended -eq 1 ]
  echo >go.w
  wait $next

  stopped_at granted dlock -n --ttl 2 job sh work first
  mkfifo go.n
  on b dlock -w 15 --ttl 2 job sh work again go.n 3>&- &
  next=$!
  eventually ran again
  goes_on
  ended=0
  wait $job || ended=$?
  [ $ended -eq 1 ]
  echo >go.n
  wait $next
  run ! ran first
  never_two
}
