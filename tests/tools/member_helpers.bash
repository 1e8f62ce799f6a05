# SPDX-License-Identifier: MIT
# Hosts that come to a group of peer_helpers.bash later. $spare: ports that are free.

port_of() { cat "$group/$1.port" 2>/dev/null || tr , '\n' <"$group/peers" | sed -n "s/^$1=.*://p"; }

# start_member NAME PORT PEER... [-- OPTION...]: by the addresses of these peers.
start_member() {
  local name=$1 port=$2 list=''
  shift 2
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    list+="${list:+,}127.0.0.1:$(port_of "$1")"
    shift
  done
  [ $# -eq 0 ] || shift
  mkdir -p "$group/$name"
  echo "$port" >"$group/$name.port"
  coordd --name "$name" --join "$list" --listen "127.0.0.1:$port" --key-file "${key:-$group/key}" --state-dir "$group/$name" \
    --socket "$group/$name.sock" "$@" </dev/null >>"$group/$name.log" 2>&1 3>&- &
  echo $! >"$group/$name.pid"
  members+=("$name")
  disown
}
serves() { on "$1" dlock --list >/dev/null 2>&1; }
member() { start_member "$@" && eventually serves "$1"; }
stop_members() {
  local name
  for name in "${members[@]}"; do
    kill -CONT "$(pid_of "$name")" 2>/dev/null || true
    kill -KILL "$(pid_of "$name")" 2>/dev/null || true
  done
  for name in "${members[@]}"; do eventually peer_gone "$name"; done
}
ended_with() { # PID STATUS
  local status=0
  wait "$1" || status=$?
  [ "$status" -eq "$2" ] || { echo "ended with $status" && return 1; }
}
