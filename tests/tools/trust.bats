#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Paths and files that somebody else made: nothing is removed, written, believed or waited for before its owner is checked.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  own_host
  cd "$BATS_TEST_TMPDIR"
}

teardown() {
  jobs -p | xargs -r kill -9 2>/dev/null || true
  stop_own_host
}

need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

configure() { # SOCKET
  mkdir -p "$HOME/.config/coordutils"
  printf 'name = "here"\nstate_dir = "%s/state"\nsocket = "%s"\n' "$HOME" "$1" >"$HOME/.config/coordutils/coordd.toml"
}

@test "a tool does not remove what socket = names, unless it is a dead socket of its own" {
  echo precious >file
  configure "$PWD/file"
  run -69 dlock job true
  [[ "${#lines[@]} $output" == "1 dlock: $PWD/file: it is there and is no socket"* ]]
  [ "$(cat file)" = precious ]
  ln -s file link
  configure "$PWD/link"
  run -69 dlock job true
  [ -L link ]
  [ "$(cat file)" = precious ]
  python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("left")'
  configure "$PWD/left"
  run -0 dlock job true
  dpeers --json | jq -e '.name == "here"'
  pkill -KILL -f -- "--socket $PWD/left"
}

@test "a socket of another user stays, though nobody listens on it" {
  need_root
  python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("theirs")'
  chown -h nobody theirs
  configure "$PWD/theirs"
  run -69 dlock job true
  [[ "${#lines[@]} $output" == "1 dlock: $PWD/theirs: the socket there belongs to another user"* ]]
  [ -S theirs ]
}

@test "a configuration that others can write is refused by tools and by coordd" {
  configure "$XDG_RUNTIME_DIR/here.sock"
  for mode in 0664 0646 0666; do
    chmod "$mode" "$HOME/.config/coordutils/coordd.toml"
    for command in 'dlock job true' 'dpeers' 'coordd'; do
      run -69 $command
      [[ "${#lines[@]} $output" == "1 ${command%% *}: $HOME/.config/coordutils/coordd.toml: others may write to it: chmod go-w "* ]]
    done
  done
  [ "$(peers_running)" = 0 ]
}

@test "root believes no configuration of another user's, and removes nothing for it" {
  need_root
  mkdir -m 700 hidden
  echo precious >hidden/file
  configure "$PWD/hidden/file"
  chown -R nobody "$HOME"
  export XDG_STATE_HOME=$PWD/state
  run -0 dlock job true # the home is as good as none
  export XDG_CONFIG_HOME=$HOME/.config # sudo -E
  run -69 dlock job true
  [[ "${#lines[@]} $output" == "1 dlock: $HOME/.config/coordutils/coordd.toml: it belongs to another user"* ]]
  run -69 dlock --config "$HOME/.config/coordutils/coordd.toml" job true
  run -69 coordd --config "$HOME/.config/coordutils/coordd.toml"
  [ "$(cat hidden/file)" = precious ]
}

@test "sudo -E: root makes nothing in another user's XDG_STATE_HOME, nor below it" {
  need_root
  mkdir theirs
  chown nobody theirs
  for state in theirs theirs/state/deeper; do
    XDG_STATE_HOME=$PWD/$state run -0 dlock job true
  done
  [ -z "$(ls theirs)" ]
  [ -d "$HOME/.local/state/coordutils" ]
  stop_own_host
  XDG_STATE_HOME=$PWD/mine/deeper run -0 dlock job true
  [ -d mine/deeper/coordutils ]
}

@test "the lock beside the socket that another process keeps: 69 in a line, not silence" {
  mkdir state
  flock sock.lock sleep 60 3>&- &
  eventually test -e sock.lock
  eventually sh -c '! flock -n sock.lock true'
  run -69 timeout 20 coordd --name one --state-dir state --socket sock
  [[ "${#lines[@]} $output" == "1 coordd: sock.lock: another process keeps it locked"* ]]
}

@test "the same in a sticky directory, where another user has made it" {
  need_root
  mkdir -m 1777 shared
  mkdir state
  install -m 666 -o nobody /dev/null shared/sock.lock
  run -69 timeout 20 coordd --name one --state-dir state --socket shared/sock
  [[ "${#lines[@]} $output" == "1 coordd: shared/sock.lock: "*"nother user"* ]]
}

@test "the start's lock that a stopped tool keeps is not waited for without an end" {
  mkdir -m 700 "$XDG_RUNTIME_DIR/coordutils"
  flock "$XDG_RUNTIME_DIR/coordutils/private.sock.start" sleep 60 3>&- &
  eventually test -e "$XDG_RUNTIME_DIR/coordutils/private.sock.start"
  run -69 timeout 30 dlock job true
  [[ "${#lines[@]} $output" == "1 dlock: $XDG_RUNTIME_DIR/coordutils/private.sock.start: another process keeps it locked"* ]]
}

@test "--report follows no link of another user's" {
  need_root
  mkdir theirs
  echo precious >file
  ln -s ../file theirs/report
  ln -s .. theirs/way
  chown -h nobody theirs theirs/report theirs/way
  for tool in dlock delect 'dbarrier --count 1'; do
    for path in theirs/report theirs/way/file; do
      run -74 $tool --report "$path" job touch ran
      [[ "${#lines[@]} $output" == "1 ${tool%% *}: report $path: its path has a symbolic link of another user's"* ]]
    done
  done
  [ "$(cat file)" = precious ]
  [ ! -e ran ]
  ln -s file own
  run -0 dlock --report own job true
  jq -e '.outcome == "ran"' file
  run -0 dlock --report /dev/stdout job true
  jq -e '.outcome == "ran"' <<<"$output"
}

@test "--report to a FIFO that nobody reads: 74, and nothing has run" {
  mkfifo pipe
  for tool in dlock delect; do
    run -74 timeout 30 $tool --report pipe job touch ran
    [[ "${#lines[@]} $output" == "1 $tool: report pipe: nobody reads this pipe"* ]]
  done
  [ ! -e ran ]
  run -74 timeout 30 dbarrier --count 1 --report pipe job true
  cat pipe >heard 3>&- &
  run -0 dlock --report pipe job true
  eventually jq -e '.outcome == "ran"' heard
}

@test "another user's session directory in root's state directory is not worked in" {
  need_root
  mkdir -m 700 state victim
  echo precious >victim/1
  chown nobody state
  ln -s ../victim state/sessions
  run -69 timeout 20 coordd --name one --state-dir state --socket sock
  [[ "${#lines[@]} $output" == "1 coordd: state/sessions: "* ]]
  [ "$(cat victim/1)" = precious ]
}
