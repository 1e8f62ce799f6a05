#!/usr/bin/env bats
# The guards of a command: its wrapper (with -F a process of its own), and its host's peer. Whichever dies, the one that is left stops
# the command in time when the lock is lost; and all may die and come back.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  export COORD_SOCKET=$group/a.sock
  cd "$BATS_TEST_TMPDIR"
  start_group "${calm[@]}"
}

teardown() {
  stop_group
  jobs -p | xargs -r kill -9 2>/dev/null || true
  wait
}

# A command that only KILL ends, and a daemon of it; both write the time as long as they live. Sets command, wrapper, guard.
stubborn() {
  cat >stubborn <<'SH'
trap '' TERM HUP INT
setsid bash -c "trap '' TERM HUP INT; while :; do echo \${EPOCHREALTIME/./} >>writes; sleep 0.01; done" &
while :; do echo "${EPOCHREALTIME/./}" >>writes; sleep 0.01; done
SH
  dlock --ttl 2 "$@" job -- bash stubborn 3>&- 2>/dev/null &
  wrapper=$!
  eventually is_file writes
}

# The process beside the command that has its peer's socket open: -F's guard.
guard_of() {
  local process
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/exe")" = "$(command -v dlock)" ] && [ "${process#/proc/}" != "$1" ] || continue
    tr '\0' ' ' <"$process/cmdline" | grep -q -- "-F job -- bash stubborn" && echo "${process#/proc/}" && return
  done
  return 1
}

cut_off() {
  since=$(now_us)
  for name in "$@"; do signal_peer STOP "$name"; done
}

# The last write came before 0.85 of the TTL of 2 s after the cut, and there are no more.
stopped_in_time() {
  still() { cp writes before; sleep 0.3; cmp -s writes before; }
  eventually still
  local after=$(($(tail -n 1 writes) - since))
  echo "the last write $after us after the cut"
  [ $after -lt 1700000 ]
}

@test "wrapper and peer: the wrapper is killed, the peer stops the command" {
  stubborn
  kill -9 $wrapper
  cut_off b c
  stopped_in_time
}

@test "wrapper and peer: the peer is killed, the wrapper stops the command" {
  stubborn
  signal_peer KILL a
  cut_off b c
  stopped_in_time
}

@test "-F: the guard is killed, the peer stops the command" {
  stubborn -F
  guard=$(guard_of $wrapper)
  kill -9 "$guard"
  cut_off b c
  stopped_in_time
}

@test "-F: the peer is killed, the guard stops the command" {
  stubborn -F
  guard_of $wrapper
  signal_peer KILL a
  cut_off b c
  stopped_in_time
}

@test "-F: the peer is frozen, the guard stops the command" {
  stubborn -F
  cut_off a b c
  stopped_in_time
}

@test "-F: guard and peer are killed, the peer comes back: the command is its own again" {
  stubborn -F
  token=$(dlock --list --json job | jq -r '.holders[0].token')
  kill -9 "$(guard_of $wrapper)"
  signal_peer KILL a
  eventually peer_gone a
  start_peer a "${calm[@]}"
  run -1 on b dlock -w 3 job true
  run -0 on b dlock --check job --token "$token"
  cut_off b c
  stopped_in_time
}

@test "-F: the guard goes with its command, and lets go at once" {
  dlock -F --ttl 60 job -- sh -c 'echo x >ready; sleep 0.3' 3>&-
  run -0 on b dlock -w 2 job true
}

@test "-o: the peer is killed, the wrapper stops the command; the wrapper is killed, the peer does" {
  stubborn -o
  signal_peer KILL a
  cut_off b c
  stopped_in_time
}
