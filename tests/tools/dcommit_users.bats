#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dcommit as ordinary users run it: cold, with a private peer; and several of them at one peer.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers
load place_helpers

setup() { new_place dcommit; }
teardown() { end_place; }

@test "cold, as an ordinary user" {
  as games dcommit t -n 1 --prepare true --commit true --abort false
  [ "$(as games dcommit --json --status t | jq -r '.participants[0].user')" = games ]
}

@test "a name of a user's is that user's and root's, and a participant is its user's" {
  begin_peer dcommit --list
  run -64 as games dcommit @root/t -n 1 --prepare true --commit true --abort false
  as games dcommit @/t -n 1 --prepare true --commit true --abort false
  dcommit --status @games/t
  run -1 as games dcommit t --id a -n 2 --prepare true --commit true --abort true -w 0.3
  run -64 as daemon dcommit t --id a -n 2 --prepare true --commit true --abort true -w 0.3
  run -64 as daemon dcommit --forget @games/t
  as games dcommit --forget @/t
}
