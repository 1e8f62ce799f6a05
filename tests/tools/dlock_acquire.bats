#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlock --acquire and --release: a hold that belongs to a process, not to a command; and -F and -o.
bats_require_minimum_version 1.5.0
load shared_group

teardown() { end_jobs KILL; }

free() { on b dlock -n "$1" true; }

@test "--acquire holds for its parent until that ends, and prints the token" {
  mkfifo go
  bash -c 'dlock --acquire job >token && read line <go' 3>&- &
  script=$!
  eventually is_file token
  run -1 on b dlock -n job true
  run -0 on b dlock --check job --token "$(cat token)"
  [ "$(on b dlock --list --json job | jq -r '.holders[0].pid')" = "$script" ]
  echo >go
  wait $script
  eventually free job
}

@test "--acquire: a token that nobody can read is no hold" {
  run -74 bash -c 'dlock --acquire --pid $$ unread >/dev/full'
  run -1 dlock --list unread
  # As in a pipe whose reader has ended.
  cat >unread.py <<'PY'
import os, signal, sys
reader, writer = os.pipe()
os.close(reader)
os.dup2(writer, 1)
signal.signal(signal.SIGPIPE, signal.SIG_DFL if sys.argv[1] == "default" else signal.SIG_IGN)
os.execvp(sys.argv[2], sys.argv[2:])
PY
  run -141 python3 unread.py default dlock --acquire --pid $$ unread
  [ -z "$output" ]
  run -1 dlock --list unread
  run -74 python3 unread.py ignored dlock --acquire --pid $$ unread
  run -1 dlock --list unread
}

@test "--release by name, by token, by pid; what is not held so is 1" {
  first=$(dlock --acquire --pid $$ job)
  run -1 dlock -n --acquire --pid $$ job
  run -0 dlock -s --acquire --pid $$ other
  run -1 dlock --release --pid 1999999 job
  run -1 dlock --release --token $((first - 1)) job
  [[ $output == "dlock: job: no process of this host holds it so: --list shows the holders" ]]
  run -0 dlock --release --token "$first" job
  free job
  run -0 dlock --release --pid $$ other
  free other
  run -0 bash -c 'dlock --acquire job >/dev/null; dlock --release job; dlock -n job true'
  run -64 dlock --acquire --pid 1999999 job
  run -64 dlock --acquire --signal NOPE job
  run -64 dlock --release --signal TERM job
}

@test "--acquire: -w, -n, -E and several names as for a run" {
  hold b one
  run -1 dlock -n --acquire --pid $$ one,two
  run -9 dlock -E 9 -w 0.2 --acquire --pid $$ one
  run -0 dlock -n --acquire --pid $$ two
  run -0 dlock --release --pid $$ two
  release one
  wait $holder
}

@test "a hold by --acquire survives kill -9 of its peer, and ends with its process while the peer is away" {
  sleep 60 3>&- &
  process=$!
  token=$(dlock --ttl 3 --acquire --pid $process job)
  signal_peer KILL a
  eventually peer_gone a
  start_peer a "${calm[@]}"
  run -1 on b dlock -w 4 job true
  run -0 on b dlock --check job --token "$token"
  signal_peer KILL a
  eventually peer_gone a
  kill -9 $process
  start_peer a "${calm[@]}"
  run -0 on b dlock -w 10 job true
}

@test "--acquire: the process gets its signal before its lock is lost" {
  eventually sees_leader a
  bash -c 'trap "echo ${EPOCHREALTIME/./} >lost; exit" USR1; echo x >ready; while :; do sleep 0.05; done' 3>&- &
  process=$!
  eventually is_file ready
  run -0 dlock --ttl 2 --acquire --signal USR1 --pid $process job
  signal_peer STOP b
  signal_peer STOP c
  since=$(now_us)
  eventually is_file lost
  [ $(($(now_us) - since)) -lt 1700000 ]
  signal_peer CONT b
  signal_peer CONT c
  eventually group_has_leader
}

@test "-F: the command runs in dlock's place, holds, and lets go with its last process" {
  run -0 bash -c 'echo $$; exec dlock -F job -- sh -c "echo \$\$; echo \$DLOCK_NAME"'
  [ "${lines[0]}" = "${lines[1]}" ]
  [ "${lines[2]}" = job ]
  eventually free job  # the guard lets go, which nobody waits for
  run -7 dlock -F job -- sh -c 'exit 7'
  run -127 dlock -F job -- no-such-command-anywhere
  eventually free job
  run -0 dlock -n job true
  mkfifo go
  dlock -F job -- sh -c 'echo x >ready; read line <go' 3>&- &
  command=$!
  eventually is_file ready
  run -1 on b dlock -n job true
  echo >go
  wait $command
  eventually free job
  run -64 dlock -F --max-run 3 job true
  run -64 dlock -F -o job true
}

@test "-o: the command does not have the hold, and what it leaves in the background does not keep it" {
  run -0 dlock -o job -- sh -c 'ls -l /proc/self/fd'
  [[ $output != *sessions* ]]
  dlock -o job -- sh -c 'sleep 5 3>&- >/dev/null 2>&1 &'
  run -0 dlock -n job true
  dlock job -- sh -c 'sleep 2 3>&- >/dev/null 2>&1 &'
  run -1 dlock -n job true
  eventually free job
}

@test "-o: a wrapper that dies takes its command along before anybody else gets the lock" {
  dlock -o job -- bash -c "trap '' TERM; setsid bash -c 'trap \"\" TERM; while :; do echo \${EPOCHREALTIME/./} >>writes; sleep 0.01; done' &
    while :; do echo \${EPOCHREALTIME/./} >>writes; sleep 0.01; done" 3>&- &
  wrapper=$!
  eventually is_file writes
  COORD_SOCKET=$group/b.sock dlock job -- bash -c 'echo "${EPOCHREALTIME/./}" >next' 3>&- &
  next=$!
  eventually waits_for b job
  kill -9 $wrapper
  wait $next
  [ "$(cat next)" -gt "$(tail -n 1 writes)" ]
  cp writes before
  sleep 0.2
  cmp writes before
}
