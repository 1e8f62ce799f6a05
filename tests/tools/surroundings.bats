#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What programs may find around them: outputs that are closed or full, no input, no terminal, no HOME, no directory, a full disk. As
# good Unix tools do: what needs none of it works, else there is one line that says so and the status for it.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  own_host
  cd "$BATS_TEST_TMPDIR"
}

teardown() {
  cd /
  jobs -p | xargs -r kill -9 2>/dev/null || true
  stop_own_host
  wait
  ! mountpoint -q "$BATS_TEST_TMPDIR/small" || umount -l "$BATS_TEST_TMPDIR/small"
}

# says STATUS PATTERN SHELL_COMMAND: that status, and that one line on stderr (or none, for an empty pattern) and nothing else there.
says() {
  local status=0
  bash -c "$3" 2>err || status=$?
  echo "$3: status $status: $(cat err)"
  [ "$status" -eq "$1" ]
  if [ -z "$2" ]; then
    [ ! -s err ]
  else
    [ "$(wc -l <err)" -eq 1 ]
    # shellcheck disable=SC2254
    case $(cat err) in $2) ;; *) return 1 ;; esac
  fi
}

# A file system of 64 KiB, full to the last byte, at ./small.
full_disk() {
  [ "$(id -u)" -eq 0 ] || skip "mounting needs root"
  mkdir small
  mount -t tmpfs -o "size=${1:-64k}" none small || skip "tmpfs cannot be mounted here"
  mkdir -m 700 small/state
  [ -n "${1-}" ] || fill
}
fill() { cat /dev/zero >small/zeros 2>/dev/null || true; }

@test "all three closed: what has nothing to say does its work, also where it must start its peer" {
  for tool in dlock delect 'dbarrier --count 1'; do
    stop_own_host
    says 0 '' "$tool job touch 'ran $tool' <&- >&- 2>&-"
    [ -e "ran $tool" ]
    says 7 '' "$tool job -- sh -c 'exit 7' <&- >&- 2>&-"
  done
  says 0 '' 'dlock --list <&- >&-'
  says 0 '' 'dlock --acquire --help <&- >/dev/null'
}

@test "stdout closed or full: 74 in one line from whoever has something to say" {
  mkfifo go
  hold_here job
  delect led -- sh -c 'echo x >leads; read line <go' 3>&- &
  dlock done true
  eventually is_file leads
  for command in 'dlock --list' 'dlock --list --json' 'dlock --history done' 'delect --list' 'delect --who led' 'dbarrier --help' dpeers \
    'dpeers --json' 'coordd --keygen' 'coordd --help' 'dclock merge web.log' 'dclock draw web.log' 'ntpprobe --help' 'dsim list'; do
    [ -e web.log ] || dclock event --clock web.clock --host web --log web.log >/dev/null
    tool=${command%% *}
    says 74 "$tool: standard output: *: *" "$command >/dev/full"
    says 74 "$tool: standard output: *: *" "$command >&-"
  done
  echo >go
  release job
  wait
}

@test "--acquire that cannot tell its token holds nothing" {
  says 74 'dlock: standard output: *: *' 'dlock --acquire job >/dev/full'
  says 74 'dlock: standard output: *: *' "dlock --acquire --pid $$ job >&-"
  run -0 dlock -n job true
  token=$(dlock --acquire --pid $$ job)
  run -0 dlock --check job --token "$token"
}

@test "no stdin: the command has none either; who must read says so, who must ask does not guess" {
  says 1 '' 'dlock job cat 2>/dev/null <&-'
  says 65 'dclock: standard input: *: *' 'dclock merge <&-'
  hold_here job
  says 64 'dlock: *: *' 'dlock --break job <&-'
  says 64 'delect: *: *' 'delect --evict job <&-'
  says 0 '' 'dlock --list <&- >list'
  grep -q '^job ' list
  release job
  wait
}

@test "no terminal: as with one" {
  for command in 'dlock job true' 'delect job true' 'dbarrier --count 1 job true' 'dlock --list' 'dsim list' 'coordd --keygen'; do
    says 0 '' "setsid --wait $command >/dev/null </dev/null"
  done
  hold_here job
  says 1 '' 'setsid --wait dlock -w 0.2 job true'
  says 64 'dlock: *--yes*' 'setsid --wait dlock --break job </dev/null'
  release job
  wait
}

@test "no HOME, no XDG_..., no environment at all" {
  [ "$(id -u)" -eq 0 ] || skip "needs a user that has no home"
  place=$(mktemp -d /tmp/coordutils-homeless.XXXXXX) # where other users may look, too
  chmod 755 "$place"
  for tool in dlock delect dbarrier dpeers coordd; do cp "$(command -v $tool)" "$place"; done
  homeless() { setpriv --reuid 60010 --regid 60010 --clear-groups env -i PATH="$place:/usr/bin:/bin" "$@"; }
  run -0 homeless dlock job -- sh -c 'echo "$DLOCK_NAME in $PWD"'
  [[ $output == "job in "* ]]
  run -0 homeless delect job true
  run -0 homeless dbarrier --count 1 job true
  run -0 homeless dpeers
  [[ $output == *"private (here)"* ]]
  run -0 homeless HOME= dlock job true
  run -0 homeless XDG_RUNTIME_DIR=not/absolute dlock job true
  # A home that is not there, or somebody else's, is as good as none: www-data, nobody, any user of a container.
  for home in /nonexistent/home /var/www / /root; do
    pkill -u 60010 -x coordd || true
    run -0 homeless HOME=$home dlock job echo ran
    [ "$output" = ran ]
    run -0 homeless HOME=$home delect -w 5 job true
    run -0 homeless HOME=$home dpeers
    [[ $output == *"private (here)"* ]]
  done
  pkill -u 60010 -x coordd
  rm -rf "$place" /tmp/coordutils-60010 /var/tmp/coordutils-60010
}

@test "the working directory is gone" {
  mkdir gone
  dclock event --clock web.clock --host web --log web.log >/dev/null
  for command in 'dlock job true' 'delect job true' 'dbarrier --count 1 job true' 'dpeers >/dev/null' 'coordd --keygen >/dev/null' \
    "dclock merge ../web.log >/dev/null || dclock merge '$PWD/web.log' >/dev/null" 'dsim list >/dev/null'; do
    stop_own_host
    mkdir -p gone
    says 0 '' "cd gone && rmdir ../gone && { $command 2>&1; }"
  done
  mkdir gone
  says 74 'dlock: *: *' 'cd gone && rmdir ../gone && dlock --report r job touch ../ran'
  mkdir gone
  says 74 'dlock: *: *' 'cd gone && rmdir ../gone && dlock --fence f --token 5 touch ../ran'
  mkdir gone
  says 69 'dlock: s: *: *' 'cd gone && rmdir ../gone && dlock --socket s job touch ../ran'
  [ ! -e ran ]
}

@test "a full disk: the peer that cannot begin says so through the tool" {
  full_disk
  export XDG_STATE_HOME=$PWD/small/state
  for command in 'dlock job' 'delect job' 'dbarrier --count 1 job'; do
    says 69 "${command%% *}: *No space left on device: make room on *" "$command touch ran"
    ! grep -q 'start it again' err
  done
  mkdir -m 700 small/run
  XDG_RUNTIME_DIR=$PWD/small/run says 69 'dlock: *could not say why: make room *private.sock.log' 'dlock job touch ran'
  [ ! -e ran ]
  unset XDG_STATE_HOME
  mkdir -m 700 small/run2
  XDG_RUNTIME_DIR=$PWD/small/run2 says 0 '' 'dlock job true' # only its log has no room
  pkill -KILL -f -- "--socket $PWD/small/run2/"
}

@test "a full disk: what is written beside is 74, and the command's own failure comes first" {
  full_disk
  says 74 'dlock: *small/r*: *' 'dlock --report small/r job true'
  says 5 'dlock: *small/r*: *' 'dlock --report small/r job -- sh -c "exit 5"'
  says 74 'delect: *small/r*: *' 'delect --report small/r job true'
  says 74 'delect: *small/l*: *' 'delect --lead-file small/l job touch ran'
  says 74 'dbarrier: *small/r*: *' 'dbarrier --count 1 --report small/r job true'
  says 74 'dlock: *small/f*: *' 'dlock --fence small/f --token 5 touch ran'
  says 74 'coordd: standard output: *' 'coordd --keygen >small/key'
  says 74 'dclock: *: *' 'dclock event --clock small/clock --host web'
  says 74 'dsim: standard output: *' 'dsim list >small/list'
  [ ! -e ran ]
  run -0 dlock -n job true
}

@test "a disk that becomes full: new locks are refused, holds go on and are released, and room is noticed" {
  full_disk 16m
  export XDG_STATE_HOME=$PWD/small/state
  hold_here held --ttl 1
  fill
  refused() { ! dlock -n job true 2>err; }
  eventually refused
  says 69 'dlock: job: *disk is nearly full*: *' 'dlock -n job touch ran'
  says 69 'delect: job: *disk is nearly full*' 'delect -n job touch ran'
  [ ! -e ran ]
  sleep 1.5 # longer than the lease
  [ "$(dlock --list --json held | jq '.holders | length')" -eq 1 ]
  release held
  wait $holder
  says 1 '' 'dlock --list held'
  rm small/zeros
  eventually dlock -n job true
}

@test "a watch ends as by SIGPIPE once its reader is gone, also while nothing happens" {
  dkv put k 1
  for watch in 'dpeers --watch' 'dpeers --watch --json' 'dkv watch k' 'delect --watch job' 'chordctl watch'; do
    count=1
    [ "$watch" != 'chordctl watch' ] || count=0
    run -0 timeout 60 bash -c "$watch | head -n $count >/dev/null; echo \${PIPESTATUS[0]}"
    echo "$watch: $output"
    [ "$output" = 141 ]
    # As whoever ignores SIGPIPE has it: one line, and the status of an output that cannot be written.
    says 74 "*: standard output: Broken pipe: *" "trap '' PIPE; timeout 60 $watch | head -n $count >/dev/null; exit \${PIPESTATUS[0]}"
  done
}
