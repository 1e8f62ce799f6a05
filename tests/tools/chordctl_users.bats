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
  # Nor is the host closed by it.
  run -64 --separate-stderr as games chordctl leave -w 30
  [[ $stderr == *"only root and the peer's own user"* ]]
  chordctl put -w 10 k v
  chordctl ring --check -w 30
}

@test "@/ is one's own, of keys and of rings: another user neither reads nor writes it, and root does both" {
  begin_peer chordctl keys
  as games chordctl put @/k mine
  [ "$(as games chordctl get @/k)" = mine ]
  [ "$(as games chordctl keys @/)" = @games/k ]
  [ "$(as games chordctl lookup @/k)" = "owner	one" ]
  run -1 as daemon chordctl get @games/k
  run -1 as daemon chordctl get @/k
  run -3 as daemon chordctl put @games/k theirs
  chordctl put @/k root
  [ "$(chordctl get @root/k)" = root ]
  [ "$(chordctl get @games/k)" = mine ]
  as games chordctl --ring @/own put k v
  [ "$(chordctl --ring @games/own get k)" = v ]
  run -64 --separate-stderr as daemon chordctl --ring @games/own get k
  [[ $stderr == *"the ring is another user's"* ]]
  run -3 as daemon chordctl --ring @games/own put k w
  run -1 as daemon chordctl --ring @/own get k
  # Who has no name is no user that is called so.
  anon() { setpriv --reuid 60001 --regid "$(id -g games)" --clear-groups env HOME="$place/home" XDG_RUNTIME_DIR="$place/run" chordctl "$@"; }
  anon put @/k number
  [ "$(chordctl get @#60001/k)" = number ]
  [ "$(anon keys @/)" = "@#60001/k" ]
  run -3 anon put @60001/k theirs
}
