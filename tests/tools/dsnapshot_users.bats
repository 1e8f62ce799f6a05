#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A group of processes is its user's: another one can neither join nor take nor read; root can. And an ordinary user alone.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers
load place_helpers

setup() { new_place dsnapshot; }
teardown() { end_place; }

# process USER GROUP ID: a process that answers, and says what it reads to whoever has said it.
process() {
  as "$1" dsnapshot run "$2" --id "$3" -- sh -c \
    'while IFS="	" read -r from text; do case $from in "!snapshot "*) echo "!state ${from#* } idle by $(id -un)";; "!") printf "%s\thello\n" $text;; *) ;; esac; done' \
    </dev/null 2>>"$place/err.$3" 3>&- &
  pids+=($!)
}
counts() { [ "$(dsnapshot ps "$1" --json | wc -l)" -eq "$2" ]; }

@test "cold, as an ordinary user: run, take, check, show by id, wait, stop" {
  process games g A
  games_counts() { [ "$(as games dsnapshot ps g --json | wc -l)" -eq 1 ]; }
  eventually games_counts
  as games dsnapshot take g >s
  dsnapshot check -q s
  as games dsnapshot check -q "$(jq -r 'select(.type == "snapshot").id' s)"
  as games dsnapshot wait -w 30 g
  as games dsnapshot stop g
  wait "${pids[0]}"
  pids=()
}

@test "the group itself: an ordinary user sees it, and each message is for root" {
  begin_peer dsnapshot list
  as games dsnapshot --json | jq -e -s '.[0].complete'
  run -64 as games dsnapshot --messages
  [[ $output == 'dsnapshot: --messages: each message is for root only: '* ]]
  dsnapshot --messages --json | jq -e -s '.[0].complete'
}

@test "another user can neither join, nor take, nor send, nor stop; the group is whole without him" {
  begin_peer dsnapshot list
  process games g A
  eventually counts g 1
  run -64 as daemon dsnapshot run g --id B -- cat
  [ "$output" = "dsnapshot: g: the group is games's: only that user and root may: take another name" ]
  run -64 as daemon dsnapshot take g -w 20
  [ "$output" = "dsnapshot: g: the group is games's: only that user and root may: take another name" ]
  run -64 as daemon dsnapshot send g A hello
  run -64 as daemon dsnapshot wait -w 20 g
  run -64 as daemon dsnapshot stop -w 20 g
  as games dsnapshot take g >s
  dsnapshot check -q s
  # Somebody who holds the name by other means counts for nothing.
  process daemon h C
  eventually counts h 1
  as daemon dsnapshot take h | jq -e 'select(.type == "process").state == "idle by daemon"'
}

@test "root takes a user's group: its owner reads it, and root what he took; another user reads nothing" {
  begin_peer dsnapshot list
  process games g A
  eventually counts g 1
  id=$(dsnapshot take g | jq -r 'select(.type == "snapshot").id')
  dsnapshot check -q "$id"
  as games dsnapshot check -q "$id"
  [[ $(as games dsnapshot list g) == *"$id"* ]]
  run -65 as daemon dsnapshot show "$id"
  id=$(as games dsnapshot take g | jq -r 'select(.type == "snapshot").id')
  dsnapshot check -q "$id"
  run -65 as daemon dsnapshot show "$id"
  [ -z "$(as daemon dsnapshot list)" ]
}

@test "root joins a user's group: both hear each other, and its owner takes all" {
  begin_peer dsnapshot list
  process games g A
  eventually counts g 1
  dsnapshot run g --id R -- sh -c \
    'while IFS="	" read -r from text; do case $from in "!snapshot "*) echo "!state ${from#* } idle root heard=$heard";; A) heard=$text;; esac; done' \
    </dev/null 2>>err.R 3>&- &
  pids+=($!)
  eventually counts g 2
  as games dsnapshot send g A R # A says hello to R
  as games dsnapshot wait -w 60 g
  as games dsnapshot take g >s
  dsnapshot check -q s
  [ "$(jq -r 'select(.type == "process" and .id == "R").state' s)" = 'idle root heard=hello' ]
}
