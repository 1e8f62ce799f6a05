#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Tools in PID and user namespaces of their own (containers) at a peer outside of them: every number of a process is another one there,
# so none may be believed.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers

need_namespaces() {
  [ "$(id -u)" = 0 ] || skip "not root"
  unshare -pf --mount-proc true 2>/dev/null || skip "no PID namespaces here"
}
setup() {
  need_namespaces
  new_group "$BATS_TEST_TMPDIR/g" a b c
  export COORD_SOCKET=$group/a.sock
  cd "$BATS_TEST_TMPDIR"
  start_group "${calm[@]}"
}
teardown() {
  [ -z "${group:-}" ] || stop_group
  end_jobs KILL
}

contained() { unshare -pf --mount-proc --kill-child -- "$@"; }
holder_of() { dlock --list --json "$1" | jq -r '.holders[0].pid'; }
lists() { dlock --list >/dev/null 2>&1 || [ $? = 1 ]; }
cut_off() { for name in "$@"; do signal_peer STOP "$name"; done; }
# The process with these words as its command line, as this namespace numbers it.
pid_of_command() { pgrep -xf -- "$*"; }

@test "hold, nest, list and let go from inside; two containers exclude each other" {
  run -0 contained dlock job printenv DLOCK_NAME
  [ "$output" = job ]
  run -0 contained dlock job dlock -n job echo nested
  [ "$output" = nested ]
  run -5 contained dlock job sh -c 'exit 5'
  contained dlock job sleep 1001 3>&- &
  eventually is_held a job
  run -1 contained dlock -n job true
  run -1 dlock -n job true
  [ "$(cat "/proc/$(holder_of job)/comm")" = dlock ] # by its number here
  run -0 contained dlock --list --json job
  [ "$(jq -r '.holders[0].command' <<<"$output")" = "sleep 1001" ]
  kill "$(pid_of_command sleep 1001)"
  eventually is_free a job
  run -0 contained delect -w 9 led echo leads
  contained dbarrier -n 2 gate echo one 3>&- >one &
  run -0 dbarrier -n 2 gate echo two
  wait
  [ "$(cat one)" = one ]
}

@test "kill -9 of the tool inside: its command goes on and holds, then is over" {
  contained sh -c 'dlock job sleep 1002 & sleep 1011' 3>&- &
  eventually is_held a job
  eventually pid_of_command sleep 1002
  tool=$(holder_of job)
  command=$(pid_of_command sleep 1002)
  kill -9 "$tool"
  run -1 dlock -n job true
  kill -9 "$command"
  eventually is_free a job
}

# Numbers inside are small; here they are strangers of the same numbers.
@test "a loss stops the command inside, by the peer alone too, and no stranger" {
  contained sh -c 'echo $$; exec sleep 1003' 3>&- >/dev/null & # somebody else's container
  stranger_inside=$!
  eventually pid_of_command sleep 1003
  contained sh -c 'dlock --ttl 2 job sh -c "trap \"\" TERM; sleep 1004; sleep 1004" & wait' 3>&- &
  eventually is_held a job
  eventually pid_of_command sleep 1004
  kill -STOP "$(holder_of job)" # the wrapper cannot
  cut_off b c
  eventually sh -c '! pgrep -xf "sleep 1004" >/dev/null'
  eventually grep -q 'is over: its command is killed' "$group/a.log"
  pid_of_command sleep 1003
  kill -0 $stranger_inside
}

@test "processes outside that have the numbers of those inside are left alone, the wrapper healthy or stopped" {
  stop_group
  cat >outer <<'SH'
export COORD_SOCKET=$PWD/s
for number in 2 3 4 5 6 7 8 9 10 11 12 13; do sleep 1009 & done # bystanders, each under the number of one inside
coordd --name one --state-dir state --socket s </dev/null >log 2>&1 &
peer=$!
until dlock --list >/dev/null 2>&1 || [ $? = 1 ]; do sleep 0.05; done
unshare -pf --mount-proc --kill-child -- dlock --ttl 1 job sh -c 'echo $$ >number; exec sleep 1010' &
until [ -s number ]; do sleep 0.05; done
[ "$1" = healthy ] || kill -STOP "$(dlock --list --json job | jq -r '.holders[0].pid')"
kill -STOP $peer
sleep 1.5 # longer than the lease
kill -CONT $peer
until dlock -n job true; do sleep 0.05; done
pgrep -xf "sleep 1009" | wc -l
pgrep -xf "sleep 1010" | wc -l
cat number
SH
  for way in healthy stopped; do
    mkdir state
    run -0 timeout 60 unshare -pf --mount-proc --kill-child -- sh outer $way 2>/dev/null
    rm -rf number s state
    [ "${lines[-3]}" -eq 12 ] # all bystanders
    [ "${lines[-2]}" -eq 0 ]  # and none of the command
    [ "${lines[-1]}" -le 13 ]
  done
}

@test "--acquire for a process inside: held by it, released for it, over with it; its signal reaches it" {
  cat >inside <<'SH'
trap 'echo signalled >signalled; exit' USR1
dlock --acquire --ttl 2 --signal USR1 job >token
dlock --acquire --ttl 2 other >/dev/null
dlock --release other
echo >ready
while :; do sleep 0.05; done
SH
  contained sh inside 3>&- &
  eventually is_file ready
  [ "$(tr '\0' ' ' <"/proc/$(holder_of job)/cmdline")" = "sh inside " ]
  run -1 dlock -n job true
  is_free a other
  cut_off b c
  eventually is_file signalled
  signal_peer CONT b
  signal_peer CONT c
  eventually is_free a job

  contained sh -c 'dlock --acquire --pid $$ job >token; echo >again; exec sleep 1006' 3>&- &
  eventually is_file again
  run -1 dlock -n job true
  kill -9 "$(pid_of_command sleep 1006)"
  eventually is_free a job
  run -64 contained dlock --acquire job # its caller is outside
  [ "$output" = "dlock: dlock's caller: it is in another PID namespace: name one with --pid" ]
  run -64 contained dlock --acquire --pid 1999999 job
  [ "$output" = "dlock: process 1999999: it does not run: name one with --pid" ]
}

@test "-F and -o inside; a peer that is started again finds what it held" {
  contained dlock -F --ttl 4 job sleep 1007 3>&- &
  eventually is_held a job
  [ "$(holder_of job)" = "$(pid_of_command sleep 1007)" ]
  signal_peer KILL a
  eventually peer_gone a
  start_peer a "${calm[@]}"
  eventually is_held a job
  run -1 dlock -n job true
  kill -9 "$(pid_of_command sleep 1007)" # the first process of its namespace: only that ends it
  eventually is_free a job
  contained sh -c 'dlock -o --ttl 2 job sh -c "exec sleep 1008" & sleep 1012' 3>&- &
  eventually is_held a job
  eventually pid_of_command sleep 1008
  kill -9 "$(holder_of job)"
  eventually sh -c '! pgrep -xf "sleep 1008" >/dev/null' # it has no hold: stopped before the next one
  eventually is_free a job
}

@test "a peer inside, tools outside: what it cannot see it refuses to guard, in words" {
  stop_group
  mkdir inside
  contained coordd --name one --state-dir "$PWD/inside" --socket "$PWD/s" </dev/null >log 2>&1 3>&- &
  export COORD_SOCKET=$PWD/s
  eventually lists
  for tool in "dlock job true" "dlock --acquire job" "delect led true"; do
    run -69 $tool
    [[ $output == *": no command can be guarded: the peer is in a PID namespace from which this tool is not seen: run it outside of its container"* ]]
    [ "${#lines[@]}" -eq 1 ]
  done
  run -69 dbarrier -n 1 gate true
  [[ $output == *": no command can be guarded: "* ]]
  run -0 dbarrier -n 1 gate # nothing to guard
}

@test "/proc of another namespace: tool and peer say so" {
  stop_group
  mkdir inside
  unshare -pf --kill-child -- coordd --name one --state-dir "$PWD/inside" --socket "$PWD/s" </dev/null >log 2>&1 3>&- &
  export COORD_SOCKET=$PWD/s
  eventually lists
  run -69 unshare -pf --kill-child -- dlock job true
  [[ $output == *"/proc shows another PID namespace"* ]]
  run -69 dlock job true
  [[ $output == *"the peer's /proc shows another PID namespace: mount its own there, and start it again"* ]]
}

@test "a user whom the peer's user namespace does not map is refused, and a peer of such a user is not believed" {
  stop_group
  unshare -U true 2>/dev/null || skip "no user namespaces here"
  unshare -U --map-root-user coordd --name one --state-dir "$PWD/inside" --socket "$PWD/s" </dev/null >log 2>&1 3>&- &
  export COORD_SOCKET=$PWD/s
  eventually lists
  run -0 dlock job echo mapped
  chmod 666 s
  run -69 python3 - <<'PY'
import os, socket, sys
peer = socket.socket(socket.AF_UNIX)
os.setresuid(1234, 1234, 0)
peer.connect("s") # in this directory, whoever may walk to it
peer.settimeout(10)
said = peer.recv(4096)
sys.stdout.write(said.decode(errors="replace"))
sys.exit(69)
PY
  [[ $output == *"the peer's user namespace has no id for this user: run the peer outside of its container, or map the user's id into it"* ]]

  place=$(mktemp -d /tmp/coordutils-containers.XXXXXX) # a path that another user may walk
  chown 1234 "$place"
  chmod 755 "$place"
  setpriv --reuid 1234 --regid 1234 --clear-groups coordd --name two --state-dir "$place/state" --socket "$place/s" </dev/null >log2 2>&1 3>&- &
  export COORD_SOCKET=$place/s
  eventually test -S "$place/s"
  chmod 666 "$place/s" # whoever may connect: each side looks who the other is
  run -69 unshare -U --map-root-user dlock job true
  rm -rf "$place"
  [[ $output == *"the peer runs as a user that has no id in this user namespace"* ]]
}

@test "a socket that is relayed passes no descriptors: the tool refuses the grant, and nobody keeps it" {
  cat >relay.py <<'PY'
import os, select, socket, sys
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[2])
listening.listen()
while True:
    tool, _ = listening.accept()
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(sys.argv[1])
    while True:
        source = select.select([tool, peer], [], [])[0][0]
        data = source.recv(65536)
        if not data:
            break
        (peer if source is tool else tool).sendall(data)
    tool.close()
    peer.close()
PY
  python3 relay.py "$COORD_SOCKET" "$PWD/relayed" 3>&- &
  eventually test -S relayed
  for tool in "dlock job" "delect led" "dbarrier -n 1 gate"; do
    run -69 env COORD_SOCKET="$PWD/relayed" $tool touch ran
    [[ $output == *"its grant comes without a descriptor: run the tool on its peer's host: a socket that is relayed passes none on"* ]]
    [ ! -e ran ]
  done
  run -69 env COORD_SOCKET="$PWD/relayed" dlock --acquire --pid $$ job
  [[ $output == *"cannot be guarded: its descriptor has not come along: "* ]]
  eventually is_free a job
}
