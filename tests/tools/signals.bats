#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A signal reaches the command once, whoever is meant by it: the wrapper, its process group, its control group, or a program's name.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  own_host
  cd "$BATS_TEST_TMPDIR"
  cat >counts <<'SH'
for s in TERM HUP USR1 USR2 ALRM INT QUIT; do trap "echo $s >>got" $s; done
exec 9<>idle
echo $$ >command
while :; do read -rt 0.05 <&9; done
SH
  mkfifo idle
}

teardown() {
  [ ! -s command ] || kill -KILL "$(cat command)" 2>/dev/null || true
  end_jobs KILL
  [ -z "${group-}" ] || eventually rmdir "$group"
  stop_own_host
}

# start_it COMMAND...: in a session and process group of its own, until it is ready and has its sentinel. Sets wrapper, the dlock.
start_it() {
  rm -f got command
  : >got
  setsid env --default-signal=INT,QUIT "$@" 3>&- &
  leader=$!
  eventually is_file command
  wrapper=$(ps -o ppid= -p "$(cat command)" | tr -d ' ')
  [[ $(ps -o comm= -p "$wrapper") == d* ]]
  eventually pgrep -P "$wrapper" -x sig-sentinel >/dev/null
}

end_it() {
  kill -KILL "$wrapper" "$(cat command)"
  wait $leader || true
}

has() { grep -qx "$1" got; }

# got_once SIGNAL: a later signal comes after all that is held back, so nothing is on its way any more when that one is there.
got_once() {
  eventually has "$1"
  local last=USR2
  [ "$1" != USR2 ] || last=USR1
  kill -$last "$wrapper"
  eventually has $last
  [ "$(grep -cx "$1" got)" = 1 ] || { cat got; return 1; }
}

@test "one process is signalled, or its group: each signal comes once" {
  for tool in 'dlock job' 'delect job' 'dbarrier --count 1 job'; do
    for s in TERM HUP USR1 USR2 ALRM INT QUIT; do
      # shellcheck disable=SC2086
      start_it $tool bash counts
      kill -$s "$wrapper"
      got_once $s
      : >got
      kill -$s -- "-$leader"
      got_once $s
      end_it
      [ "$tool" = 'dlock job' ] || break
    done
  done
}

@test "two signals a second apart are two" {
  start_it dlock job bash counts
  twice() { [ "$(grep -c TERM got)" = "$1" ]; }
  for target in "$wrapper" "-$leader"; do
    : >got
    kill -TERM -- "$target"
    eventually twice 1
    sleep 1 # what the test is about
    kill -TERM -- "$target"
    eventually twice 2
  done
  : >got
  kill -TERM -- "-$leader"
  eventually twice 1
  sleep 1
  kill -TERM "$wrapper"
  eventually twice 2
  kill -USR1 "$wrapper"
  eventually has USR1
  twice 2
  end_it
}

@test "timeout, with and without --foreground" {
  for how in '' --foreground; do
    # shellcheck disable=SC2086
    start_it timeout $how 1000 dlock job bash counts
    kill -ALRM $leader # its time is over
    got_once TERM
    end_it
  done
}

@test "pkill by name and by command line: the sentinel is not dlock" {
  start_it dlock "by.name.$$" bash counts
  pkill -TERM -s $leader dlock
  got_once TERM
  : >got
  pkill -TERM -f "dlock by.name.$$"
  got_once TERM
  end_it
}

@test "a command in a session of its own gets what its group would have got" {
  start_it dlock job setsid bash counts
  kill -TERM -- "-$leader"
  got_once TERM
  : >got
  kill -TERM "$wrapper"
  got_once TERM
  end_it
}

@test "a service manager that signals the whole control group, the main process, or only what is in the group itself" {
  [ "$(id -u)" = 0 ] || skip "needs root"
  local mount
  for mount in /sys/fs/cgroup/unified /sys/fs/cgroup; do [ ! -e $mount/cgroup.procs ] || break; done
  group=$mount/coordutils-test.$$
  mkdir "$group" || skip "needs a control group of version 2"
  start_it sh -c "echo \$\$ >$group/cgroup.procs && exec dlock job bash counts"
  grep -q "/coordutils-test.$$/coordutils.$wrapper" "/proc/$(cat command)/cgroup"
  kill -TERM "$wrapper" $(find "$group" -name cgroup.procs -exec cat {} + | grep -vx "$wrapper") # KillMode=control-group
  got_once TERM
  : >got
  kill -TERM "$wrapper" # KillMode=mixed, KillMode=process
  got_once TERM
  : >got
  kill -TERM $(cat "$group/cgroup.procs")
  got_once TERM
  end_it
}

@test "the sentinel ends with the wrapper, however that ends, and holds nothing open" {
  start_it dlock job bash counts
  sentinel=$(pgrep -P "$wrapper" -x sig-sentinel)
  [ -z "$(ls "/proc/$sentinel/fd")" ]
  [ "$(tr -d '\0' <"/proc/$sentinel/cmdline")" = sig-sentinel ]
  kill -KILL "$wrapper"
  eventually gone "$sentinel"
  kill -KILL "$(cat command)"
  wait $leader || true
  # A pipe ends when the command does.
  { dlock job bash counts 3>&-; } | timeout 20 cat &
  reader=$!
  rm -f command
  eventually is_file command
  wrapper=$(ps -o ppid= -p "$(cat command)" | tr -d ' ')
  eventually pgrep -P "$wrapper" -x sig-sentinel >/dev/null
  kill -KILL "$wrapper" "$(cat command)"
  wait $reader
  # After a command that ended by itself nothing is left, not even for a moment.
  dlock job sleep 0.05 3>&- &
  wrapper=$!
  eventually pgrep -P $wrapper -x sig-sentinel >/dev/null || true
  wait $wrapper
  run -1 pgrep -g $wrapper
}

@test "a sentinel that was killed costs no signal" {
  start_it dlock job bash counts
  pkill -KILL -P "$wrapper" -x sig-sentinel
  kill -TERM "$wrapper"
  got_once TERM
  end_it
}
