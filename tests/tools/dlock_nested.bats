#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlock under dlock: names that are re-entered, and waits that would never end.
# labels: release
bats_require_minimum_version 1.5.0
load shared_group

@test "a command takes its own lock again: the outer hold's token, and the name stays held" {
  run -0 dlock r1 -- sh -c '
    echo $DLOCK_TOKEN
    dlock r1 printenv DLOCK_TOKEN DLOCK_SESSION
    dlock -n r1 dlock -n r1 printenv DLOCK_TOKEN DLOCK_SESSION
    COORD_SOCKET='"$group"'/b.sock dlock -n r1 true; echo $?
    dlock -n r1 true; echo $?'
  [ "${lines[0]}" = "${lines[1]}" ]
  [ "${lines[0]}" = "${lines[3]}" ]
  [ "$(wc -w <<<"${lines[2]}")" -eq 2 ]
  [ "$(wc -w <<<"${lines[4]}")" -eq 3 ]
  [ "${lines[5]}" -eq 1 ] # another host's peer knows nothing of the outer hold's descriptor
  [ "${lines[6]}" -eq 0 ]
  is_free a r1
}

@test "shared inside exclusive and inside shared; exclusive inside shared is refused" {
  run -0 dlock r2 dlock -n -s r2 true
  run -0 dlock -s r4 dlock -s -n r4 true
  run -64 dlock -s r4 dlock r4 true
  [[ $output == "dlock: r4: shared by a command that this one runs inside of: "* ]]
  [ "${#lines[@]}" -eq 1 ]
}

@test "a reader's own readers pass a writer that waits" {
  mkfifo go
  dlock -s r5 -- sh -c 'echo >ready; read line <go; dlock -s -w 10 r5 true; echo $? >status' 3>&- &
  reader=$!
  eventually is_file ready
  on b dlock r5 true 3>&- &
  writer=$!
  eventually waits_for a r5
  echo >go
  wait $reader
  wait $writer
  [ "$(cat status)" -eq 0 ]
}

@test "several slots: a nested one takes no second slot; another number of slots is refused" {
  run -0 dlock --slots 2 r6 -- sh -c "
    dlock --slots 2 -n r6 -- sh -c 'COORD_SOCKET=$group/b.sock dlock --slots 2 -n r6 true'"
  run -64 dlock --slots 2 r6 dlock --slots 3 r6 true
}

@test "the environment alone proves nothing, and what is closed is proved by descent" {
  hold a r7
  session=$(dlock --list --json r7 | jq -r '.holders[0].session')
  [ -n "$session" ]
  DLOCK_SESSION=$session run -1 dlock -n r7 true
  release r7
  wait $holder
  cat >closed.py <<'PY'
import os, subprocess, sys
os.closerange(3, 256)
sys.exit(subprocess.call(["dlock", "-n", "r7", "true"], close_fds=True))
PY
  run -0 dlock r7 python3 closed.py
  run -0 dlock r7 env -u DLOCK_SESSION dlock -n r7 true # nor is it needed
  run -0 dlock r7 env -i PATH="$PATH" COORD_SOCKET="$COORD_SOCKET" dlock -n r7 printenv DLOCK_NAME
  DLOCK_SESSION='x 1 -2 99999999999999999999999 ' run -0 dlock r7 true
}

@test "what a process holds by --acquire is re-entered by it and its descendants, and by nobody else" {
  run -0 timeout 60 sh -c '
    outer=$(dlock --acquire --pid $$ q1)
    dlock q1 sh -c "[ \$DLOCK_TOKEN = $outer ]" || exit 1
    sh -c "dlock q1 setsid dlock q1 true" || exit 2
    dlock -n --acquire --pid $$ q1 && exit 3
    dlock --acquire --pid $$ q1 2>again && exit 4
    sh -c "dlock -n --acquire q1 && :" || exit 5
    exec dlock -n q1 true'
  [ "$(wc -l <again)" -eq 1 ]
  grep -q '^dlock: q1: deadlock: ' again
  eventually is_free a q1
  sleep 60 3>&- &
  stranger=$!
  run -0 sh -c "
    dlock --acquire --pid \$\$ q2 >/dev/null
    dlock -n --acquire --pid $stranger q2 && exit 1
    timeout 60 dlock --acquire --pid $stranger q2 2>/dev/null && exit 2
    dlock -n --acquire --pid $stranger q3"
  kill $stranger
}

@test "a holder that was left by its parent, and one in dlock's own place, are known all the same" {
  sh -c 'sh -c "dlock --acquire --pid \$\$ q5 >/dev/null; echo >left; while kill -0 \$PPID 2>/dev/null; do sleep 0.02; done
    timeout 60 dlock q5 true; echo \$? >entered" & while [ ! -e left ]; do sleep 0.02; done'
  eventually is_file entered
  [ "$(cat entered)" -eq 0 ]
  run -0 dlock -F q6 -- sh -c 'exec env -u DLOCK_SESSION dlock -n q6 true'
  run -0 dlock -F q6 -- env -u DLOCK_SESSION dlock -n q6 true
  run -0 dlock -o q6 -- env -u DLOCK_SESSION dlock -n q6 true
}

@test "a circle through holds by --acquire ends with status 1 for the younger wait" {
  mkfifo go1 go2
  on a timeout 60 sh -c 'dlock --acquire --pid $$ c1 >/dev/null; echo >in1; read line <go1; dlock c2 echo through' >out1 2>&1 3>&- &
  first=$!
  on b timeout 60 sh -c 'dlock --acquire --pid $$ c2 >/dev/null; echo >in2; read line <go2; dlock c1 true; echo status $?' >out2 2>&1 3>&- &
  second=$!
  eventually is_file in1
  eventually is_file in2
  echo >go1
  eventually waits_for a c2
  echo >go2
  wait $second
  wait $first
  [ "$(cat out1)" = through ]
  [ "$(tail -n 1 out2)" = "status 1" ]
  grep -q '^dlock: c1: deadlock: ' out2
}

@test "a peer that was started again still knows who holds by --acquire" {
  mkfifo go
  timeout 60 sh -c 'dlock --acquire --pid $$ q7 >/dev/null; echo >in; read line <go; dlock -n q7 true; echo $? >status' 3>&- &
  script=$!
  eventually is_file in
  signal_peer KILL a
  eventually peer_gone a
  start_peer a "${calm[@]}"
  eventually sees_leader a
  echo >go
  wait $script
  [ "$(cat status)" -eq 0 ]
}

@test "held by the outer until the inner is gone, whichever ends first" {
  mkfifo go
  dlock r8 -- sh -c 'dlock r8 -- sh -c "echo >inner; read line <go" & while [ ! -s inner ]; do sleep 0.02; done' 3>&- &
  outer=$!
  eventually is_file inner
  wait $outer
  run -1 on b dlock -n r8 true
  echo >go
  eventually is_free a r8
}

@test "two hosts in each other's way: the younger wait ends with status 1 and the cycle, the other goes on" {
  mkfifo go1 go2
  on a dlock d1 -- sh -c 'echo >in1; read line <go1; dlock d2 echo through' >out1 2>&1 3>&- &
  first=$!
  on b dlock d2 -- sh -c 'echo >in2; read line <go2; dlock d1 echo never; echo status $?' >out2 2>&1 3>&- &
  second=$!
  eventually is_file in1
  eventually is_file in2
  echo >go1
  eventually waits_for a d2
  echo >go2
  wait $second
  wait $first
  [ "$(cat out1)" = through ]
  [ "$(tail -n 1 out2)" = "status 1" ]
  [ "$(wc -l <out2)" -eq 2 ]
  host=$(hostname)
  grep -Eq "^dlock: d1: deadlock: this waits for d1, held by $host pid [0-9]+ \(sh -c echo >in1; .*inside of that, waits for d2, held by $host pid [0-9]+ \(sh -c echo >in2; " out2
}

@test "-E gives a deadlock its status; three hosts, and a queue between them" {
  mkfifo go1 go2 go3
  on a dlock e1 -- sh -c 'echo >in1; read line <go1; dlock e2 true' 3>&- &
  one=$!
  on b dlock e2 -- sh -c 'echo >in2; read line <go2; dlock e3 true' 3>&- &
  two=$!
  on c dlock e3 -- sh -c 'echo >in3; read line <go3; dlock -E 77 e1 true' 2>out3 3>&- &
  three=$!
  for i in 1 2 3; do eventually is_file in$i; done
  echo >go1
  eventually waits_for a e2
  on b dlock e2 true 3>&- & # an innocent one behind
  behind=$!
  eventually waits_for a e2 2
  echo >go2
  eventually waits_for a e3
  echo >go3
  ended=0
  wait $three || ended=$?
  [ $ended -eq 77 ]
  [ "$(grep -c deadlock out3)" -eq 1 ]
  wait $one
  wait $two
  wait $behind
}
