# SPDX-License-Identifier: MIT
# Groups of real peers on loopback, for tests of the programs over them. Everything lives in $group (a directory), peers are
# called a, b, c, ...; `on b dlock ...` is a tool on b's host. Nothing here sleeps to synchronize: it waits for events, with a limit.

. "${BASH_SOURCE[0]%/*}/traps.bash"

# Slower elections than the default: functional tests are about what happens, and must hold on a machine that is busy.
calm=(--heartbeat 0.1 --election-low 0.5 --election-high 1)

now_us() { printf '%s' "${EPOCHREALTIME/./}"; }

# eventually COMMAND...: waits until it succeeds, at most twenty seconds.
eventually() {
  local end=$((SECONDS + 20))
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || { echo "never: $*" >&2; return 1; }
    sleep 0.05
  done
}

# new_group DIR NAME...: key, addresses and state directories; starts nothing.
new_group() {
  group=$1
  shift
  mkdir -p "$group"
  names=("$@")
  coordd --keygen >"$group/key"
  chmod 600 "$group/key"
  local ports list='' i
  read -r -a ports < <(free_ports $#)
  for ((i = 0; i < $#; i++)); do list+="${list:+,}${names[i]}=127.0.0.1:${ports[i]}"; done
  echo "$list" >"$group/peers"
  for i in "$@"; do mkdir "$group/$i"; done
}

# free_ports COUNT: they are this test file's as long as it runs.
free_ports() {
  python3 -IS "$COORD_SOURCE/tests/tools/free_ports.py" "$1" $$
}

# start_peer NAME [OPTION...]
start_peer() {
  local name=$1 list
  shift
  list=$(cat "$group/peers")  # now, not in the background
  local log=(--peers "$list" --key-file "$group/key")
  # With tests/engines/again.sh: gateways, and a log of this group's own.
  [ -z "${COORD_TEST_ENGINE-}" ] || log=(--engine "$COORD_TEST_ENGINE/$(cksum <<<"$group" | tr ' ' -)")
  coordd --name "$name" "${log[@]}" --state-dir "$group/$name" \
    --socket "$group/$name.sock" "$@" </dev/null >>"$group/$name.log" 2>&1 3>&- &
  echo $! >"$group/$name.pid"
  disown
}

# start_group [OPTION...]: all peers, and waits until each knows who leads.
start_group() {
  for name in "${names[@]}"; do start_peer "$name" "$@"; done
  eventually group_has_leader
}

# In a later test of a file whose setup_file has started the group.
use_group() {
  group=$1
  mapfile -t names < <(tr , '\n' <"$group/peers" | cut -d= -f1)
}

pid_of() { cat "$group/$1.pid"; }
# Of a process with threads the first one stops the others: on a busy machine they go on for a while.
is_stopped() { ! grep -qvE '^[0-9]+ \(.*\) [TXZ] ' /proc/"$1"/task/*/stat 2>/dev/null; }
stop_process() { # PID
  kill -STOP "$1"
  eventually is_stopped "$1"
}
signal_peer() { # SIGNAL NAME
  if [ "$1" = STOP ]; then
    stop_process "$(pid_of "$2")"
  else
    kill "-$1" "$(pid_of "$2")"
  fi
}
peer_gone() { ! kill -0 "$(pid_of "$1")" 2>/dev/null; }

stop_group() {
  local name
  for name in "${names[@]}"; do
    [ -e "$group/$name.pid" ] || continue
    kill -CONT "$(pid_of "$name")" 2>/dev/null
    kill -KILL "$(pid_of "$name")" 2>/dev/null
  done
  for name in "${names[@]}"; do
    [ ! -e "$group/$name.pid" ] || eventually peer_gone "$name"
  done
}

on() { COORD_SOCKET=$group/$1.sock "${@:2}"; }

leader_seen_by() { on "$1" dpeers --json 2>/dev/null | jq -r 'select(.role == "leader") | .name'; }
sees_leader() { [ -n "$(leader_seen_by "$1")" ]; }
sees_none() { [ -z "$(leader_seen_by "$1")" ]; }
group_has_leader() {
  local name
  for name in "${names[@]}"; do sees_leader "$name" || return 1; done
}
others_than() { printf '%s\n' "${names[@]}" | grep -vx "$1"; }

# end_jobs SIGNAL: what the test has left in the background.
end_jobs() {
  jobs -p | xargs -r kill -CONT 2>/dev/null || true
  jobs -p | xargs -r kill "-$1" 2>/dev/null || true
  wait
}

is_file() { [ -s "$1" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }
waits_for() { [ "$(on "$1" dlock --list --json "$2" | jq '.waiters | length')" -ge "${3:-1}" ]; }  # PEER NAME [COUNT]
is_held() { [ "$(on "$1" dlock --list --json "$2" | jq '.holders | length')" -ge "${3:-1}" ]; }
is_free() { ! on "$1" dlock --list "$2" >/dev/null; }

# hold PEER NAME [OPTION...]: a holder in the background until `release NAME`, or its end by other means. Sets holder (the wrapper) and
# command.
hold() {
  local COORD_SOCKET=$group/$1.sock
  export COORD_SOCKET
  hold_here "${@:2}"
}
hold_here() { # the same at this host's own peer
  local name=$1
  shift
  rm -f "$BATS_TEST_TMPDIR/held.$name" "$BATS_TEST_TMPDIR/go.$name"
  mkfifo "$BATS_TEST_TMPDIR/go.$name"
  dlock "$@" "$name" -- sh -c 'echo $$ >"$1"; read line <"$2"' sh "$BATS_TEST_TMPDIR/held.$name" "$BATS_TEST_TMPDIR/go.$name" 3>&- &
  holder=$!
  eventually is_file "$BATS_TEST_TMPDIR/held.$name"
  command=$(cat "$BATS_TEST_TMPDIR/held.$name")
}
release() { # a holder that is gone (its lock was lost) fails the test; a pipe without a reader would wait for ever
  timeout 20 sh -c 'echo >"$1"' sh "$BATS_TEST_TMPDIR/go.$1" || { echo "the holder of $1 is gone"; return 1; }
}

# ---- one host, nothing configured

# A home of its own: tools start a private peer there. Once more: another one.
own_host() {
  unset COORD_SOCKET COORD_CONFIG COORD_SCOPE COORD_AUTOSTART XDG_STATE_HOME XDG_CONFIG_HOME
  export HOME="$BATS_TEST_TMPDIR/home" XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/run"
  mkdir -m 700 "$HOME" "$XDG_RUNTIME_DIR"
  own_log
}
# With tests/engines/again.sh: a peer that is started by a tool has a log of this test's own.
own_log() { [ -z "${COORD_TEST_ENGINE-}" ] || export COORD_ENGINE="$COORD_TEST_ENGINE/$(cksum <<<"$HOME" | tr ' ' -)"; }
peers_running() { pgrep -fc -- "--socket $XDG_RUNTIME_DIR/" || true; }
no_peer() { [ "$(peers_running)" = 0 ]; }
stop_own_host() {
  pkill -KILL -f -- "--socket $XDG_RUNTIME_DIR/" || true
  eventually no_peer
}
