#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a command has left in the background when its tool ended goes on holding, and is guarded: by its host's peer, and in a group by a
# small process of its own.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers
load guard_helpers

setup() {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  export COORD_SOCKET=$group/a.sock
  cd "$BATS_TEST_TMPDIR"
  start_group "${calm[@]}"
}

teardown() {
  [ ! -s left ] || kill -KILL "$(cat left)" 2>/dev/null || true
  stop_group
  end_jobs KILL
}

# leave TOOL...: runs it with a command that ends and leaves what only KILL ends, which writes the time as long as it lives.
leave() {
  rm -f writes left
  cat >leaves <<'SH'
{
  trap '' TERM HUP INT
  echo $BASHPID >left
  while [ ! -e end ]; do echo "${EPOCHREALTIME/./}" >>writes; sleep 0.01; done
} >/dev/null 2>&1 3>&- &
SH
  run -0 "$@" bash leaves
  eventually is_file writes
}

# The small guard of what was left: the only process of this tool, and of no terminal.
guards() {
  local process
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/exe")" = "$(command -v "${1:-dlock}")" ] || continue
    grep -qzx "COORD_SOCKET=$group/a.sock" "$process/environ" 2>/dev/null && echo "${process#/proc/}"
  done
  return 0
}
no_guard() { [ -z "$(guards "$@")" ]; }

@test "the peer is killed, or stopped: what is left is stopped in time" {
  for signal in KILL STOP; do
    for tool in dlock delect; do
      leave $tool --ttl $ttl "left.$tool"
      signal_peer $signal a
      cut_off b c
      stopped_in_time
      eventually gone "$(cat left)"
      eventually no_guard $tool
      for name in b c; do signal_peer CONT $name; done
      if [ $signal = KILL ]; then
        eventually peer_gone a
        start_peer a "${calm[@]}"
      else
        signal_peer CONT a
      fi
      eventually group_has_leader
    done
  done
}

@test "the guard is killed: the peer stops what is left" {
  leave dlock --ttl $ttl job
  [ "$(guards | wc -l)" = 1 ]
  kill -KILL "$(guards)"
  cut_off b c
  stopped_in_time
}

@test "the guard holds nothing of its own, hears renewals, and lets go with the last that holds" {
  leave dlock --ttl $ttl job
  guard=$(guards)
  [ "$(wc -w <<<"$guard")" = 1 ]
  [ "$(ps -o ppid=,tty= -p "$guard" | tr -s ' ')" = " 1 ?" ] || [ "$(ps -o tty= -p "$guard" | tr -d ' ')" = '?' ]
  ! ls -l "/proc/$guard/fd" | grep -q "$BATS_TEST_TMPDIR/[a-z]*$"
  kill -TERM "$guard" # it is not the guard that is meant
  run -1 on b dlock -w $ttl.5 job true
  kill -0 "$guard"
  on b dlock job true 3>&- &
  next=$!
  eventually waits_for b job
  touch end
  wait $next
  eventually gone "$guard"
  [ "$(dlock --history --json job | jq -r .outcome | sort -u)" = released ]
  # A caller that waits for the end of the output waits for nobody else.
  rm end
  out=$(timeout 20 dlock job bash leaves)
  [ "$out" = '' ]
  touch end
  eventually no_guard
}

@test "the peer is killed and comes back: what is left still holds" {
  ttl=4
  leave dlock --ttl $ttl job
  signal_peer KILL a
  eventually peer_gone a
  start_peer a "${calm[@]}"
  run -1 on b dlock -w $ttl.2 job true
  touch end
  run -0 on b dlock -w 10 job true
}

@test "-F: what the command has left is guarded as well" {
  leave dlock -F --ttl $ttl job
  [ "$(guards | wc -l)" = 1 ]
  signal_peer KILL a
  cut_off b c
  stopped_in_time
}

@test "nothing is left: no guard is" {
  run -0 dlock job true
  no_guard
  run -0 dlock -o job -- bash -c 'sleep 0.2 >/dev/null 2>&1 3>&- &'
  no_guard
  run -0 delect job true
  no_guard delect
}
