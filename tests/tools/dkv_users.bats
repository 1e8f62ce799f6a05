#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dkv as ordinary users run it: cold, with a private peer; and several of them at one peer, each with keys of its own.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers
load place_helpers

setup() { new_place dkv; }
teardown() { end_place; }

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
  begin_peer dkv list
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
