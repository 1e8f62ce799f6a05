#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dpropose as ordinary users run it: cold, with a private peer; and several of them at one peer.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers
load place_helpers

setup() { new_place dpropose; }
teardown() { end_place; }

@test "cold, as an ordinary user: a proposal, its value, and that it is forgotten" {
  [ "$(as games dpropose plan v)" = v ]
  [ "$(as games dpropose --json --get plan | jq -r .user)" = games ]
  as games dpropose --forget plan
  run -1 as games dpropose --get plan
}

@test "a name of a user's is decided by that user and root only, and read by all" {
  begin_peer dpropose --list
  [ "$(as games dpropose @/plan mine)" = mine ]
  [ "$(dpropose --get @games/plan)" = mine ]
  run -64 as games dpropose @root/plan theirs
  dpropose @root/plan root
  [ "$(as games dpropose --get @root/plan)" = root ]
  run -64 as games dpropose --forget @root/plan
  dpropose --forget @games/plan
  [ "$(as games dpropose @/plan again)" = again ]
  [ "$(dpropose --algorithm paxos @games/by-sites theirs)" = theirs ]
  [ "$(as games dpropose --algorithm paxos @/by-sites again)" = theirs ]
  dpropose --algorithm paxos @root/by-sites root
  run -64 as games dpropose --algorithm paxos @root/by-sites mine
  [ "$(as games dpropose --get @root/by-sites)" = root ]
}
