#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Each peer's state on a small file system of its own, filled up and emptied again.
bats_require_minimum_version 1.5.0
load load

setup() {
  cd "$BATS_TEST_TMPDIR"
  new_group "$BATS_TEST_TMPDIR/g" a b c
  local name
  for name in a b c; do
    mount -t tmpfs -o size=24m,mode=0700 "disk-$name" "$group/$name" 2>/dev/null || skip "file systems may not be mounted here"
  done
  start_group
}

teardown() {
  jobs -p | xargs -r kill 2>/dev/null || true
  stop_group
  wait
  local name
  for name in a b c; do umount -l "$group/$name" 2>/dev/null || true; done
}

fill() { cat /dev/zero >"$group/$1/ballast" 2>/dev/null || true; }
make_room() { rm -f "$group/$1/ballast"; }
# A write has to notice it.
use() { run on "$1" dlock -w 10 --ttl 2 "use-$BATS_TEST_NUMBER-$RANDOM" true; }
is_not_led_by() { ! on "$1" dpeers --json | jq -s -e 'any(.local and .role == "leader")' >/dev/null; }
# Without a wait: a refusal ends it, and so does a leader that is not there yet.
gets_in() { on "$1" dlock -w 5 "in-$RANDOM" true 2>/dev/null; }
refused_for_room() {
  run on "$1" dlock -w 5 "more-$RANDOM" true
  [ "$status" -ne 0 ] && [[ $output == *"free some space"* ]]
}
doctor_says() { # PEER TEXT
  run on "$1" dpeers doctor
  [[ $(tr -s ' \n' ' ' <<<"$output") == *"$2"* ]]
}

@test "the leader's disk is full: another one leads, everybody is served, and its host's doctor says why" {
  leader=$(leader_seen_by a)
  other=$(others_than "$leader" | head -n 1)
  fill "$leader"
  use "$other"
  eventually is_not_led_by "$leader"
  for name in a b c; do eventually gets_in "$name"; done
  doctor_says "$leader" "no room left"
  kill -0 "$(pid_of "$leader")"
  make_room "$leader"
  for name in a b c; do eventually gets_in "$name"; done
}

@test "all disks are full: the leader stays, what is new is refused, holds are released, no peer ends; then there is room again" {
  leader=$(leader_seen_by a)
  other=$(others_than "$leader" | head -n 1)
  mkfifo end
  on "$other" dlock held -- sh -c 'read -r word <end' 3>&- &
  holder=$!
  held() { on "$other" dlock --list --json | jq -s -e 'any(.name == "held" and (.holders | length) == 1)' >/dev/null; }
  eventually held
  for name in $(others_than "$leader"); do fill "$name"; done
  eventually refused_for_room "$leader" # it has been told
  fill "$leader"
  for name in a b c; do eventually refused_for_room "$name"; done
  echo on >end
  wait "$holder"
  free() { on "$other" dlock --list --json | jq -s -e 'all(.name != "held" or (.holders | length) == 0)' >/dev/null; }
  eventually free
  [ "$(leader_seen_by a)" = "$leader" ]
  for name in a b c; do kill -0 "$(pid_of "$name")"; done
  for name in a b c; do make_room "$name"; done
  for name in a b c; do eventually gets_in "$name"; done
}
