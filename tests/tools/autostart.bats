#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# One host, nothing configured: the first tool starts a private peer and it just works.
# labels: threads
# programs: coordd dlock delect dpeers
bats_require_minimum_version 1.5.0

load peer_helpers

setup() {
  own_host
  cd "$BATS_TEST_TMPDIR"
}

teardown() { stop_own_host; }

@test "the first lock starts a private peer and holds" {
  run -0 dlock job -- sh -c 'echo "$DLOCK_SCOPE $DLOCK_NAME"'
  [ "$output" = "private job" ]
  [ "$(peers_running)" = 1 ]
  run -0 dpeers --json
  [ "$(jq -r .role <<<"$output")" = leader ]
}

@test "tokens increase over kill -9 and a new start of the peer" {
  before=$(dlock job -- sh -c 'echo $DLOCK_TOKEN')
  pkill -9 -f -- "--socket $XDG_RUNTIME_DIR"
  after=$(dlock job -- sh -c 'echo $DLOCK_TOKEN')
  [ "$after" -gt "$before" ]
}

@test "fifty cold clients get one peer and no error" {
  pids=()
  for i in $(seq 50); do
    dlock "job$i" true 2>>errors &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
  [ ! -s errors ]
  [ "$(peers_running)" = 1 ]
}

@test "2,000 clients against a peer that ends whenever it is idle get no error" {
  export COORD_IDLE_EXIT=0.001
  each=500
  [ -z "$COORD_SANITIZE" ] || each=100 # a start is ten times slower then
  clients() {
    local i
    for i in $(seq "$each"); do dlock "job$1" true 2>>"errors.$1" || echo "status $?" >>"errors.$1"; done
  }
  pids=()
  for worker in 1 2 3 4; do
    clients $worker 3>&- &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
  cat errors.*
  [ ! -s errors.1 ] && [ ! -s errors.2 ] && [ ! -s errors.3 ] && [ ! -s errors.4 ]
}

@test "an idle private peer ends, one with a holder does not" {
  export COORD_IDLE_EXIT=0.1
  mkfifo go
  dlock job -- sh -c 'read line <go' &
  eventually sh -c 'dlock --no-autostart --list job >/dev/null 2>&1'
  sleep 0.5  # several times the idle time-out
  [ "$(peers_running)" = 1 ]
  echo >go
  wait
  eventually no_peer
}

@test "--no-autostart and COORD_AUTOSTART=no start nothing: 69" {
  run -69 dlock --no-autostart job true
  COORD_AUTOSTART=no run -69 dlock job true
  [ "$(peers_running)" = 0 ]
}

@test "--scope cluster refuses a private peer and does not start one" {
  run -69 dlock --scope cluster job true
  [[ "$output" == *"nothing is configured"* ]]
  [ "$(peers_running)" = 0 ]
}

@test "a configuration that cannot be used is an error, not a private peer" {
  mkdir -p "$HOME/.config/coordutils"
  echo 'socket = ' >"$HOME/.config/coordutils/coordd.toml"
  run -69 dlock job true
  [[ "$output" == "dlock: "*coordd.toml:1* ]]
  [ "$(peers_running)" = 0 ]
}

@test "the user's own configuration starts that peer" {
  mkdir -p "$HOME/.config/coordutils"
  printf 'name = "here"\nstate_dir = "%s/state"\n' "$HOME" >"$HOME/.config/coordutils/coordd.toml"
  run -0 dlock job true
  run -0 dpeers --json
  [ "$(jq -r .name <<<"$output")" = here ]
}

@test "a peer that cannot start says why through the tool" {
  mkdir -p "$HOME/.config/coordutils"
  printf 'name = "here"\nstate_dir = "/proc/nowhere"\n' >"$HOME/.config/coordutils/coordd.toml"
  run -69 dlock job true
  [[ "$output" == *"/proc/nowhere"* ]]
}

@test "a runtime directory that others may enter is refused" {
  mkdir -m 755 "$XDG_RUNTIME_DIR/coordutils"
  run -69 dlock job true
  [[ "$output" == *"not a directory of this user's alone"* ]]
}

@test "under another user's HOME it is as without one, and nothing is written or believed there" {
  [ "$(id -u)" = 0 ] || skip "needs root"
  mkdir -p "$HOME/.config/coordutils"
  echo 'socket = ' >"$HOME/.config/coordutils/coordd.toml" # would be an error
  chown -R nobody "$HOME"
  find "$HOME" | sort >before
  was_there=$(ls -d /var/tmp/coordutils-0 2>/dev/null || true)
  run -0 dlock job echo ran
  [ "$output" = ran ]
  find "$HOME" | sort | diff before -
  state=$(pgrep -fa -- "--socket $XDG_RUNTIME_DIR/" | sed 's/.*--state-dir //')
  [[ $state == /var/tmp/coordutils-0/* ]]
  stop_own_host
  [ -n "$was_there" ] || rm -rf /var/tmp/coordutils-0
}

@test "a peer is started with a configuration that is named from here" {
  mkdir here
  cd here
  coordd --keygen >key
  chmod 600 key
  printf 'name = "me"\npeers = "me=127.0.0.1:%s"\nkey_file = "%s"\nstate_dir = "%s"\nsocket = "%s"\n' \
    "$(free_ports 1)" "$PWD/key" "$PWD/state" "$XDG_RUNTIME_DIR/here.sock" >c.toml
  run -0 dlock --config c.toml job true
  COORD_CONFIG=c.toml run -0 delect job true
}

# ---- the peer is found by its state directory

peer_process() { pgrep -fx -- "coordd --socket .* --private --state-dir $HOME/.*"; }
other_runtime() { XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/other "$@"; }
lock_file() { echo "$HOME"/.local/state/coordutils/private-*/lock; }
end_peer() {
  peer_process | xargs -r kill -KILL
  eventually no_peer_process
}
no_peer_process() { ! peer_process >/dev/null; }

@test "a tool with another runtime directory (cron and a shell) comes to the same peer" {
  mkdir -m 700 other
  hold_here job
  run -1 other_runtime dlock -n job true
  run -0 other_runtime dlock -n other echo ran
  [ "$output" = ran ]
  run -1 env -u XDG_RUNTIME_DIR dlock -n job true
  [ ! -e other/coordutils/private.sock ]
  [ "$(peer_process | wc -l)" -eq 1 ]
  release job
  wait $holder
}

one_peer() { [ "$(peer_process | wc -l)" -eq 1 ]; }

@test "cold tools with different runtime directories get one peer and no error" {
  pids=()
  for i in $(seq 20); do
    mkdir -m 700 "r$i"
    XDG_RUNTIME_DIR=$PWD/r$i dlock "job$i" true 2>>errors &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
  cat errors
  [ ! -s errors ]
  eventually one_peer  # others may still be on their way out, having found the state directory in use
  end_peer
}

@test "a runtime directory that is gone (a logout): the job runs on, and tools come to its peer" {
  hold_here job
  first=$(peer_process)
  rm -rf "$XDG_RUNTIME_DIR"
  run -1 dlock -n job true
  run -0 dlock -n other echo ran
  [ "$output" = ran ]
  mkdir -m 700 "$XDG_RUNTIME_DIR"  # logged in again
  run -1 dlock -n job true
  [ "$(peer_process)" = "$first" ]
  release job
  wait $holder
  run -0 dlock -n job true
  end_peer
}

@test "only the socket is gone: it is made again where it was" {
  hold_here job
  rm "$XDG_RUNTIME_DIR/coordutils/private.sock"
  run -1 dlock -n job true
  [ -S "$XDG_RUNTIME_DIR/coordutils/private.sock" ]
  [ "$(sed -n 2p "$(lock_file)")" = "$XDG_RUNTIME_DIR/coordutils/private.sock" ]
  release job
  wait $holder
}

@test "a state directory that is in use by what does not answer: 69 says by which process" {
  dlock job true
  end_peer
  python3 - "$(lock_file)" <<'PY' 3>&- &
import fcntl, os, struct, sys, time
f = open(sys.argv[1], "r+")
fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
f.write(f"{os.getpid()}\n/nowhere/sock\n"); f.truncate(); f.flush()
open("locked", "w").write("x")
time.sleep(60)
PY
  keeper=$!
  eventually is_file locked
  run -69 dlock job true
  kill $keeper
  [ "${#lines[@]}" -eq 1 ]
  [[ "$output" == "dlock: /nowhere/sock: "*"process $keeper uses $HOME/"* ]]
}

@test "a runtime path that is too long for a socket: another place, and the same peer" {
  for length in 84 95 108 219; do
    long=$PWD/$(printf 'x%.0s' $(seq $((length - ${#PWD} - 1))))
    mkdir -m 700 "$long"
    XDG_RUNTIME_DIR=$long run -0 dlock job -- sh -c 'dlock --list job >/dev/null && echo ran'
    [ "$output" = ran ]
    run -0 dlock job true
    [ "$(peer_process | wc -l)" -eq 1 ]
    [ "${#long}" -lt 84 ] || [ -z "$(ls "$long")" ]
    end_peer
  done
}

# ---- what the first caller hands on

@test "soft limits of the first caller are not the peer's" {
  (
    ulimit -S -f 8 -n 64 -t 600
    dlock job true
  )
  limits=/proc/$(peer_process)/limits
  cat "$limits"
  for limit in 'Max file size' 'Max open files' 'Max cpu time'; do
    read -r soft hard < <(sed -n "s/^$limit *\([^ ]*\) *\([^ ]*\) .*/\1 \2/p" "$limits")
    [ "$soft" = "$hard" ] || [ "$soft" -ge 65536 ]
  done
  for i in $(seq 100); do dlock "job$i" sleep 1 & done
  wait
  run -0 dlock job true
}

@test "hard limits that are too low for a peer: 69 says which, and the next caller has one" {
  [ "$(id -u)" = 0 ] || skip "needs a user that may not raise them"
  place=$(mktemp -d /tmp/coordutils-limited.XXXXXX)  # where other users may look, too
  chmod 755 "$place"
  cp "$(command -v dlock)" "$(command -v coordd)" "$place"
  limited() { setpriv --reuid 60011 --regid 60011 --clear-groups env -i PATH="$place:/usr/bin:/bin" bash -c "$1"; }
  run -69 limited 'ulimit -f 8; dlock job true'
  [[ "${#lines[@]} $output" == "1 dlock: ulimit -f: the hard limit of 8192 bytes"* ]]
  run -69 limited 'ulimit -n 64; dlock job true'
  [[ "${#lines[@]} $output" == "1 dlock: ulimit -n: the hard limit of 64 descriptors"* ]]
  run -0 limited 'dlock job true'
  run -0 limited 'ulimit -f 8 -n 64; dlock job true'  # one that runs is not touched
  pkill -u 60011 -x coordd
  rm -rf "$place" /tmp/coordutils-60011 /var/tmp/coordutils-60011
}

@test "a peer that ends whenever it begins: one line says why, and it is started seldom" {
  [ -z "${COORD_SANITIZE-}" ] || skip "a start alone takes longer than the second that makes a peer a good one"
  hold_here job --ttl 60  # longer than its peer is away
  dlock job true 2>told 3>&- &
  waiter=$!
  eventually sh -c 'dlock --list --json job | jq -e ".waiters | length == 1"'
  state=$(dirname "$(lock_file)")
  mv "$state" "$state.away"
  echo 'no directory' >"$state"
  peer_process | xargs kill -KILL
  eventually grep -q 'ends whenever it begins' told
  log=$XDG_RUNTIME_DIR/coordutils/private.sock.log
  before=$(wc -l <"$log")
  sleep 3  # a time in which it would be started 700 times
  after=$(wc -l <"$log")
  echo "$((after - before)) starts: $(cat told)"
  [ $((after - before)) -le 30 ]
  [ "$(grep -c 'ends whenever it begins' told)" -eq 1 ]
  [[ "$(cat told)" == *"dlock: the peer ends whenever it begins; it said: coordd: $state"* ]]
  rm "$state"
  mv "$state.away" "$state"
  release job
  wait $holder $waiter
}

@test "connections without a word leave nothing behind: the peer ends when it is idle" {
  export COORD_IDLE_EXIT=0.5
  hold_here job
  peer=$(peer_process)
  probe() {
    python3 - "$XDG_RUNTIME_DIR/coordutils/private.sock" "$1" <<'PY'
import socket, sys
for i in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    if i % 2: s.send(b"x")
    s.close()
PY
  }
  probe 500
  kilobytes() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$peer/status"; }
  before=$(kilobytes)
  probe 20000
  after=$(kilobytes)
  echo "$before kB, after 20,000 probes $after kB"
  # AddressSanitizer keeps what was freed.
  [ -n "${COORD_SANITIZE-}" ] || [ $((after - before)) -lt 2000 ]
  release job
  wait $holder
  eventually no_peer
}
