#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlock as a shell user runs it, over three peers.
bats_require_minimum_version 1.5.0
load shared_group

@test "the command's own status, 128+n for a signal, 126 and 127" {
  run -0 dlock own true
  run -7 dlock own -- sh -c 'exit 7'
  run -255 dlock own -- sh -c 'exit 255'
  run -137 dlock own -- sh -c 'kill -9 $$'
  run -143 dlock own -- sh -c 'kill $$'
  run -127 dlock own no-such-command-anywhere
  [[ $output == "dlock: no-such-command-anywhere: not found: "* ]]
  [ "${#lines[@]}" -eq 1 ]
  run -126 dlock own /etc/passwd
  [[ $output == "dlock: /etc/passwd: "* ]]
  is_free a own
}

@test "stdin, stdout, stderr, arguments and the environment pass through" {
  [ "$(echo in | dlock pass cat)" = in ]
  [ "$(dlock pass -- sh -c 'echo err >&2' 2>&1 >/dev/null)" = err ]
  [ "$(X='a b' dlock pass printenv X)" = "a b" ]
  [ "$(dlock pass -- printf '[%s]' -n -- --json 'a b' '')" = "[-n][--][--json][a b][]" ]
  [ "$(dlock pass -c 'echo $0 | wc -l; exit 0')" = 1 ]
  head -c 3000000 /dev/urandom >big
  dlock pass cat <big | cmp - big
  [ "$(dlock pass pwd)" = "$PWD" ]
}

@test "the command gets names, a growing token, its session and scope" {
  run -0 dlock 'e1,e2' printenv DLOCK_NAME DLOCK_TOKEN DLOCK_SESSION DLOCK_SCOPE
  [ "${lines[0]}" = e1,e2 ]
  [ "${lines[1]}" -gt $((1600000000 * 1048576)) ]
  [ "${lines[1]}" -lt $((1 << 53)) ]
  [ "${lines[3]}" = cluster ]
  session=${lines[2]}
  last=${lines[1]}
  for name in a b c; do
    token=$(on $name dlock e1 printenv DLOCK_TOKEN)
    [ "$token" -gt "$last" ]
    last=$token
  done
  run -0 dlock outer -- dlock inner -- sh -c 'echo $DLOCK_SESSION'
  [[ $output =~ ^[0-9]+\ [0-9]+$ ]]
  [[ $output != *"$session"* ]]
  run -0 dlock outer env
  [ "$(grep -c '^DLOCK_' <<<"$output")" -eq 4 ]
}

@test "-n and -w: 1 when taken, -E replaces it; a fraction of a second is waited" {
  hold b taken
  run -1 dlock -n taken true
  [ "$output" = "" ]
  run -1 dlock --verbose -n taken true
  [[ $output == "dlock: taken: "* ]]
  run -99 dlock -n -E 99 taken true
  run -0 dlock -n -E 0 taken false
  begin=$(now_us)
  run -1 dlock -w 0.3 taken true
  waited=$(($(now_us) - begin))
  [ $waited -ge 300000 ]
  [ $waited -lt 3000000 ]
  run -5 dlock -w 0 -E 5 taken true
  run -1 dlock --timeout .1 taken true
  release taken
  wait $holder
  run -0 dlock -n taken true
  run -3 dlock -w 5 taken -- sh -c 'exit 3'
}

@test "several names: all or none, either of them shuts the other out; a comma can be escaped" {
  hold b n1,n2
  run -1 dlock -n n1 true
  run -1 dlock -n n2 true
  run -1 dlock -n n0,n2 true
  run -0 dlock -n n0 true
  release n1,n2
  wait $holder
  run -0 dlock -n n2,n1,n2 true
  hold a 'x\,y'
  on c dlock --list --json | jq -se 'map(.name) | index("x,y") != null'
  run -0 dlock -n x,y true
  release 'x\,y'
}

@test "names may be anything, and are shown escaped" {
  name=$(printf 'n\033[2J\n\377\303\244 x')
  hold a "$name"
  run -0 dlock --list "$name"
  [[ $output == *'n\x1b[2J\n\xffä x'* ]]
  [[ $output != *$'\033'* ]]
  run -0 dlock --list --json "$name"
  [ "$(jq -r .name_b64 <<<"$output" | base64 -d)" = "$name" ]
  release "$name"
  wait $holder
  long=$(printf 'x%.0s' $(seq 255))
  run -0 dlock "$long" true
  for bad in '' -x "${long}x" 'a,,b' ',a' 'a,'; do
    run -64 dlock -- "$bad" true
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "dlock: "* ]]
  done
}

@test "shared holders share, exclusive ones do not; a shared one does not overtake a waiting exclusive one" {
  hold a sh1 -s
  run -0 on b dlock -s -n sh1 true
  run -1 on b dlock -n sh1 true
  on b dlock sh1 -- sh -c 'echo x >>order' 3>&- &
  eventually waits_for a sh1
  run -1 on c dlock -s -n sh1 true
  on c dlock -s sh1 -- sh -c 'echo s >>order' 3>&- &
  eventually waits_for a sh1 2
  release sh1
  wait
  [ "$(tr -d '\n' <order)" = xs ]
}

@test "waiters are served in their order, over all hosts" {
  hold a fifo
  for i in 1 2 3 4 5 6; do
    on "${names[i % 3]}" dlock fifo -- sh -c "echo $i >>order" 3>&- &
    eventually waits_for b fifo $i
  done
  [ "$(dlock --list --json fifo | jq -c '[.waiters[].position]')" = '[1,2,3,4,5,6]' ]
  release fifo
  wait
  [ "$(tr -d '\n' <order)" = 123456 ]
}

@test "slots: N at once, not one more; another N is a usage error" {
  hold a two --slots 2
  first=$holder
  mkfifo go2
  on b dlock --slots 2 two -- sh -c 'echo x >second; read line <go2' 3>&- &
  eventually is_file second
  run -1 on c dlock -n --slots 2 two true
  run -64 on c dlock -n --slots 3 two true
  [ "${#lines[@]}" -eq 1 ]
  on a dlock --list --json two | jq -e '.slots == 2 and (.holders | length) == 2'
  echo >go2
  eventually dlock -n --slots 2 two true
  release two
  wait $first
  eventually dlock -n --slots 3 two true
}

@test "--list: who holds and who waits, every field, as of now" {
  hold b listed --ttl 30
  on c dlock -s listed -- true 3>&- &
  eventually waits_for a listed
  run -0 dlock --list --json listed
  [ "${#lines[@]}" -eq 1 ]
  jq -e --arg host "$(hostname)" --arg user "$(id -un)" --argjson pid $holder '
    .schema == 1 and .name == "listed" and .mode == "exclusive" and .slots == 1
    and (.as_of | test("^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$"))
    and (.holders | length) == 1 and (.holders[0] | (.token | type) == "string" and (.session | type) == "string"
      and .peer == "b" and .host == $host and .pid == $pid and .user == $user and (.command | startswith("sh -c "))
      and (.since | test("Z$")) and .ttl_s == 30)
    and (.waiters | length) == 1 and (.waiters[0] | .peer == "c" and .position == 1 and .command == "true" and .ttl_s == 10
      and (has("token") | not))' <<<"$output"
  run -0 dlock --list
  [[ ${lines[0]} == NAME*STATE*MODE*TOKEN ]]
  [[ $output == *"listed"*"holds"*"exclusive"* ]]
  run -0 dlock --list --stale --json listed
  run -1 dlock --list nobody-has-this
  [ "$output" = "" ]
  run -1 dlock --list --json nobody-has-this
  release listed
  wait
  [ "$(dlock --list --json listed | wc -l)" -eq 0 ]
}

@test "--report tells the outcomes apart" {
  outcome() { jq -r .outcome r; }
  run -1 dlock --report r rep -- sh -c 'exit 1'
  jq -e '.schema == 1 and .name == "rep" and .outcome == "ran" and .scope == "cluster" and (.token | type) == "string"
    and .wait_s >= 0 and .hold_s > 0 and .exit_status == 1 and .signal == null and .messages.acquire == 1' r
  run -137 dlock --report r rep -- sh -c 'kill -9 $$'
  jq -e '.outcome == "ran" and .exit_status == null and .signal == 9' r
  hold b rep
  run -1 dlock --report r -n rep true
  jq -e '.outcome == "not_acquired" and .token == null and .hold_s == null and .exit_status == null' r
  release rep
  wait $holder
  run -124 dlock --report r --max-run 0.2 rep sleep 30
  jq -e '.outcome == "max_run" and .hold_s >= 0.2 and .hold_s < 5' r
  hold b rep --slots 2
  run -64 dlock --report r --slots 3 rep true
  [ "$(outcome)" = usage ]
  release rep
  run -69 dlock --socket "$BATS_TEST_TMPDIR/none" --report r rep true
  [ "$(outcome)" = no_quorum ]
  run -127 dlock --report r rep no-such-command-anywhere
}

@test "--max-run stops the command with all its descendants: 124" {
  cat >tree <<'SH'
trap '' TERM
setsid sh -c 'trap "" TERM; while :; do date >>writes; sleep 0.02; done' &
while :; do sleep 0.02; done
SH
  begin=$(now_us)
  run -124 dlock --ttl 2 --max-run 0.4 maxed sh tree
  [ $(($(now_us) - begin)) -lt 6000000 ]
  [ -s writes ]
  cp writes before
  sleep 0.3
  cmp writes before
}

@test "--min-hold keeps the name after the command, --lock-delay does not after a release" {
  begin=$(now_us)
  run -0 dlock --min-hold 1 period true
  run -1 dlock -n period true
  run -0 dlock period true
  [ $(($(now_us) - begin)) -ge 990000 ]
  run -0 dlock --lock-delay 30 delayed true
  run -0 dlock -n delayed true
}

@test "background work that inherits the hold keeps the lock, as with flock" {
  mkfifo go
  run -0 dlock bg -- sh -c '{ read line <go; } >/dev/null 2>&1 &'
  run -1 dlock -n bg true
  echo >go
  eventually dlock -n bg true
}

@test "a wrapper killed with -9 lets nobody in while its command runs" {
  hold a orphan --ttl 2
  kill -9 $holder
  wait $holder || true
  begin=$(now_us)
  run -1 on b dlock -w 3 orphan true # longer than the lease: the peer goes on renewing it
  kill -0 "$command"
  release orphan
  eventually on b dlock -n orphan true
}

@test "wrapper and command killed with -9: the next one runs at once, long before the lease ends" {
  hold a both --ttl 60
  on b dlock both -- bash -c 'printf %s "${EPOCHREALTIME/./}" >granted' 3>&- &
  eventually waits_for b both
  begin=$(now_us)
  kill -9 $holder "$command"
  eventually is_file granted
  echo "next grant after $(($(cat granted) - begin)) us"
  [ $(($(cat granted) - begin)) -lt 2000000 ]
  wait
}

@test "signals sent by a process reach the command" {
  dlock sig -- sh -c 'trap "echo usr1 >got" USR1; trap "exit 9" TERM; echo x >ready; while :; do sleep 0.02; done' 3>&- &
  wrapper=$!
  eventually is_file ready
  kill -USR1 $wrapper
  eventually is_file got
  kill -TERM $wrapper
  status=0
  wait $wrapper || status=$?
  [ $status -eq 9 ]
}

@test "a waiter that is interrupted leaves the line" {
  hold a line
  COORD_SOCKET=$group/b.sock dlock line true 3>&- &
  waiter=$!
  eventually waits_for a line
  kill -TERM $waiter
  wait $waiter || true
  nobody_waits() { [ "$(dlock --list --json line | jq '.waiters | length')" -eq 0 ]; }
  eventually nobody_waits
  release line
}

@test "closed and full output" {
  run -0 bash -c 'dlock out true >&-'
  [ "$(bash -c 'dlock --list >/dev/full 2>/dev/null; echo $?')" -eq 0 ]
  hold a out
  [ "$(bash -c 'dlock --list >/dev/full 2>/dev/null; echo $?')" -eq 74 ]
  [ "$(bash -c 'dlock --list --json >&- 2>/dev/null; echo $?')" -eq 74 ]
  release out
  wait $holder
  [ "$(bash -c 'dlock out true <&- >&- 2>&-; echo $?')" -eq 0 ]
  run -74 dlock --report /dev/full out true
  [ "${#lines[@]}" -eq 1 ]
  run -5 dlock --report /dev/full out -- sh -c 'exit 5'
  run -74 dlock --report /no/such/directory/r out touch ran
  [ ! -e ran ]
}

@test "bad input: one clear line and 64" {
  wrong() {
    echo "dlock $*"
    run -64 dlock "$@"
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "dlock: "*": "*": "* ]]
  }
  wrong
  wrong name
  wrong name --
  wrong name -c
  wrong --wobble name true
  wrong -s -x name true
  wrong -n -w 1 name true
  wrong -w soon name true
  wrong -w -1 name true
  wrong -w nan name true
  wrong -w 1e999 name true
  wrong -E 256 name true
  wrong -E -1 name true
  wrong --slots 0 name true
  wrong --slots 1000000 name true
  wrong --ttl 0.5 name true
  wrong --ttl 4000 name true
  wrong --ttl 10 --grace 4.1 name true
  wrong -s --slots 2 name true
  wrong --json name true
  wrong --stale name true
  wrong --list -- -x
  wrong --scope moon name true
  wrong --socket "$(printf 'x%.0s' $(seq 108))" name true
  wrong "$(seq -s, 65)" true
}

@test "a peer that is not there, is no peer, or belongs to somebody else: one line and 69" {
  unreachable() {
    run -69 dlock --socket "$1" name true
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "dlock: $1: "*": "* ]]
  }
  unreachable "$BATS_TEST_TMPDIR/none"
  touch file
  unreachable "$BATS_TEST_TMPDIR/file"
  python3 -c '
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind("talks"); server.listen()
open("ready", "w").write("x")
client = server.accept()[0]
client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 100)
client.recv(1)' 3>&- &
  eventually is_file ready
  unreachable "$BATS_TEST_TMPDIR/talks"
  run -69 dlock --scope private name true
  [ "${#lines[@]}" -eq 1 ]
}

@test "flock's form for a descriptor is told what to use instead" {
  for options in '' -n '-w 1' '-s'; do
    run -64 bash -c "dlock $options 9" 9>lock
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "dlock: 9: is flock's form for an open descriptor; dlock locks names: give a name and a command: dlock NAME -c"* ]]
  done
  run -64 bash -c 'dlock 9' 9>&- # as typed at a prompt, to see what it does
  [[ $output == "dlock: 9: is flock's form for an open descriptor"* ]]
  for option in -u --unlock; do
    run -64 dlock $option 9
    [ "$output" = "dlock: --unlock: is flock's for a descriptor; here a hold ends with its command: end one of dlock --acquire NAME with dlock --release NAME" ]
  done
  run -64 dlock 2 # standard error
  [ "$output" = "dlock: COMMAND: is missing: see dlock --help" ]
  run -64 bash -c 'dlock --report r job'
  jq -e '.outcome == "usage"' r
  run -0 bash -c 'dlock 9 true' 9>lock # a name all the same
}

@test "an option behind NAME is the command's name, and one is told where options stand" {
  run -127 dlock job --timeout 3
  [ "$output" = "dlock: --timeout: not found: options stand before NAME" ]
}
