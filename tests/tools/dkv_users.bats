#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dkv as ordinary users run it: cold, with a private peer; and several of them at one peer, each with keys of its own.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  unset COORD_SOCKET COORD_CONFIG COORD_AUTOSTART
  place=$(mktemp -d /tmp/coordutils-users.XXXXXX) # where other users may look, too
  mkdir "$place/bin" "$place/home" "$place/run"
  for tool in coordd dkv; do cp "$(command -v "$tool")" "$place/bin"; done
  chmod 755 "$place" "$place/bin"
  chmod 700 "$place/home" "$place/run"
  chown -R games "$place/home" "$place/run"
  PATH=$place/bin:$PATH
  cd "$place"
}

teardown() {
  [ -z "${peer-}" ] || kill -KILL "$peer" 2>/dev/null || true
  [ -z "${place-}" ] || pkill -KILL -f -- "--socket $place/run/" || true
  wait 2>/dev/null || true
  cd /
  [ -z "${place-}" ] || rm -rf "$place"
}

as() { setpriv --reuid "$1" --regid "$(id -g "$1")" --init-groups env HOME="$place/home" XDG_RUNTIME_DIR="$place/run" "${@:2}"; }

# A peer that admits both.
begin_peer() {
  mkdir state
  coordd --name one --state-dir "$PWD/state" --socket "$PWD/sock" --admit games </dev/null >>log 2>&1 3>&- &
  peer=$!
  eventually dkv --socket "$PWD/sock" list
  export COORD_SOCKET=$PWD/sock COORD_AUTOSTART=no
}

@test "cold, as an ordinary user: put, get, a key that lives with a command, rm" {
  as games dkv put k v
  [ "$(as games dkv get k)" = v ]
  [ "$(as games dkv --json get k | jq -r .user)" = games ]
  run -0 --separate-stderr as games dkv put here up --session -- dkv get here
  [ "$output" = up ]
  run -1 as games dkv get here
  as games dkv rm k
  run -1 as games dkv get k
}

@test "a key with a user's name is changed by that user and root only, and read by all" {
  begin_peer
  as games dkv put @/k mine
  [ "$(dkv get @games/k)" = mine ]
  dkv put @root/k root
  [ "$(as games dkv get @root/k)" = root ]
  run -64 as games dkv put @root/k theirs
  run -64 as games dkv rm @root/k
  run -64 as games dkv put @root/live x --session -- true
  [ "$(dkv get @root/k)" = root ]
  dkv put @games/k "root's"
  [ "$(as games dkv get @/k)" = "root's" ]
  as games dkv rm @/k
  as games dkv put everybodys v
  dkv put everybodys w
}
