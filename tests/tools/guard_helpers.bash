# SPDX-License-Identifier: MIT
# Commands that only KILL ends, over a group of peer_helpers, and when they did end.
ttl=2 # seconds; where a peer has to be back before the lease is over, more

# A command that only KILL ends, and a daemon of it; both write the time as long as they live. Sets command, wrapper, guard.
stubborn() {
  cat >stubborn <<'SH'
trap '' TERM HUP INT
setsid bash -c "trap '' TERM HUP INT; while :; do echo \${EPOCHREALTIME/./} >>writes; sleep 0.01; done" &
while :; do echo "${EPOCHREALTIME/./}" >>writes; sleep 0.01; done
SH
  dlock --ttl $ttl "$@" job -- bash stubborn 3>&- 2>/dev/null &
  wrapper=$!
  eventually is_file writes
}

# Tells the process beside the command that has its peer's socket open: -F's guard. The command may write before it is there.
guard_of() { eventually seen_guard_of "$1"; }
seen_guard_of() {
  local process
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/exe")" = "$(command -v dlock)" ] && [ "${process#/proc/}" != "$1" ] || continue
    grep -qzx "COORD_SOCKET=$group/a.sock" "$process/environ" 2>/dev/null || continue # another test's, beside this one
    tr '\0' ' ' <"$process/cmdline" | grep -q -- "-F job -- bash stubborn" && echo "${process#/proc/}" && return
  done
  return 1
}

cut_off() {
  since=$(now_us)
  for name in "$@"; do signal_peer STOP "$name"; done
}

# Nothing is written any more.
still() {
  cp writes before
  sleep 0.3
  cmp -s writes before
}

# The last write came before 0.85 of the TTL after the cut, and there are no more.
stopped_in_time() {
  eventually still
  local after=$(($(tail -n 1 writes) - since))
  echo "the last write $after us after the cut"
  [ $after -lt $((ttl * 850000)) ]
}

# The directory of the control group that was made for the command with this pid; fails if there is none.
group_of_command() {
  local mount path
  path=$(sed -n 's/^0:://p' "/proc/$1/cgroup")
  [[ $path == */coordutils.* ]] || return 1
  for mount in /sys/fs/cgroup /sys/fs/cgroup/unified; do
    [ -d "$mount$path" ] && echo "$mount$path" && return
  done
  return 1
}
