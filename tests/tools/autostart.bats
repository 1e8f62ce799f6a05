#!/usr/bin/env bats
# One host, nothing configured: the first tool starts a private peer and it just works.
# labels: threads
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
  clients() {
    local i
    for i in $(seq 500); do dlock "job$1" true 2>>"errors.$1" || echo "status $?" >>"errors.$1"; done
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
