#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# chordctl as ordinary users run it: cold, with a private peer, and at a peer that admits them and is another's.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers
load place_helpers

setup() { new_place chordctl; }
teardown() { end_place; }

@test "cold, as an ordinary user: put, get, and a ring of one's own" {
  as games chordctl put k v
  [ "$(as games chordctl get k)" = v ]
  as games chordctl join -w 30
  as games chordctl ring --check -w 30
  as games chordctl put k w
  as games chordctl rm k
  run -1 as games chordctl get k
}

@test "at another's peer a user reads and writes, and hosts come and go by its operator's word only" {
  begin_peer chordctl keys
  as games chordctl put k v
  run -64 --separate-stderr as games chordctl join -w 30
  [[ $stderr == *"only root and the peer's own user"* ]]
  chordctl join -w 30
  run -64 --separate-stderr as games chordctl leave --discard -w 30
  [[ $stderr == *"only root and the peer's own user"* ]]
  chordctl ring --check -w 30
}
