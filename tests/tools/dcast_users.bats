#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# dcast as ordinary users run it: cold, with a private peer; and several of them at one peer.
bats_require_minimum_version 1.5.0
load peer_helpers
load place_helpers

setup() { new_place dcast; }
teardown() { end_place; }

# listen NAME: as games, in the background, into out
listen() {
  as games sh -c 'echo $$ >"$HOME/pid"; exec dcast --json --listen "$1"' sh "$1" >out 3>&- &
  eventually listens out
  pids+=("$(cat "$place/home/pid")")
}
listens() { grep -q '"listening"' "$1"; }
payloads_are() { [ "$(jq -r 'select(.event == "cast") | .payload' "$1" | xargs)" = "$2" ]; }

@test "cold, as an ordinary user: a cast, and a listener" {
  as games dcast x one
  listen x
  as games dcast x two
  eventually payloads_are out two
  [ "$(jq -r 'select(.event == "cast") | .user' out)" = games ]
}

@test "to a user's name only that user and root cast; all may listen" {
  begin_peer dcast x ready
  listen @root/x
  run -64 --separate-stderr as games dcast @root/x forged
  [[ $stderr == *"only root"* ]]
  dcast @/x real
  eventually payloads_are out real
  as games dcast @/x mine
  dcast @games/x by-root
  run -64 as bin dcast @games/x
}

@test "a user's flood is held up, and another's cast goes" {
  [ -z "${COORD_SANITIZE-}" ] || skip "no flood at that speed"
  begin_peer dcast x ready
  head -c 65536 /dev/zero >big
  floods() { for i in {1..200}; do as games dcast flood - -w 0 <big || return $?; done; }
  run -1 --separate-stderr floods
  [[ $stderr == *"too many casts at once"* ]]
  dcast x other -w 0
}
