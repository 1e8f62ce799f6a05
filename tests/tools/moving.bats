#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# Where the hosts of a group are, when their lists do not say it any more; and lists of hosts that are of it no more.
bats_require_minimum_version 1.5.0
load peer_helpers
load member_helpers

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  read -r -a spare < <(free_ports 3)
}

teardown() {
  end_jobs KILL
  stop_group
  stop_members
}

is_dead() { [ "$(on "$1" dpeers --json | jq -r "select(.name == \"$2\") | .state")" = dead ]; } # BY NAME

@test "two of three have moved, and all are killed and started at once with their old lists" {
  new_group "$BATS_TEST_TMPDIR/group" a b c
  start_group "${calm[@]}"
  move() { # NAME PORT
    run -0 on a dpeers move "$1" "127.0.0.1:$2"
    signal_peer TERM "$1"
    eventually peer_gone "$1"
    start_peer "$1" "${calm[@]}" --listen "127.0.0.1:$2"
    eventually serves "$1"
  }
  move b "${spare[0]}"
  move c "${spare[1]}"
  knows() { grep -q "^voter c .*127.0.0.1:${spare[1]}" "$group/$1/addresses" && grep -q "^voter b .*127.0.0.1:${spare[0]}" "$group/$1/addresses"; }
  for name in a b c; do eventually knows $name; done
  for name in a b c; do signal_peer KILL $name; done
  for name in a b c; do eventually peer_gone $name; done
  start_peer b "${calm[@]}" --listen "127.0.0.1:${spare[0]}"
  start_peer c "${calm[@]}" --listen "127.0.0.1:${spare[1]}"
  # Two that have moved, and the third one is dead: each knows the other by what it has kept alone.
  eventually serves b
  on b dlock -w 10 job -- true
  start_peer a "${calm[@]}"
  eventually serves a
  on a dlock -w 10 job -- true
}

@test "a list that differs later is a line of the log and a warning, and the group goes on" {
  new_group "$BATS_TEST_TMPDIR/group" a b c
  start_group "${calm[@]}"
  run -0 on a dpeers transfer a
  knows() { grep -q '^group ' "$group/c/addresses"; }
  eventually knows
  signal_peer KILL c
  eventually peer_gone c
  old=$(cat "$group/peers")
  sed -i "s/b=127.0.0.1:[0-9]*/b=127.0.0.1:9/" "$group/peers"
  start_peer c "${calm[@]}"
  echo "$old" >"$group/peers"
  eventually serves c
  on c dlock -w 10 job -- true
  [ "$(grep -c 'peer c: has another list of peers: b is 127.0.0.1:[0-9]* here and 127.0.0.1:9 there' "$group/a.log")" = 1 ]
  grep -q 'peer a: has another list of peers: b is 127.0.0.1:9 here' "$group/c.log"
  doctor_says() { grep -q '"object":"c","status":"warn","what":"has another list of peers' <<<"$(on a dpeers --json doctor || true)"; }
  eventually doctor_says
}

@test "a list that names others than the founders is a line of the log: the peer goes on, with the locks of all" {
  new_group "$BATS_TEST_TMPDIR/group" a b c
  start_group "${calm[@]}"
  knows() { grep -q '^founded c ' "$group/b/addresses"; }
  eventually knows
  # One founder's host is gone, and another host has come in its place.
  run -0 on a dpeers remove c -w 20
  signal_peer TERM c
  eventually peer_gone c
  signal_peer KILL b
  eventually peer_gone b
  old=$(cat "$group/peers")
  sed -i "s/c=\(127.0.0.1:[0-9]*\)/d=\1/" "$group/peers"
  start_peer b "${calm[@]}"
  echo "$old" >"$group/peers"
  eventually serves b
  on b dlock -w 10 job -- true
  [ "$(grep -c 'the list of peers is not that of the founding: it names d, and it does not name c: the group follows its agreed list' "$group/b.log")" = 1 ]
  knows # for the next start, too
  run ! grep -q 'has another list of peers' "$group/a.log"
}

@test "a founder without a vote that is started after all voters have changed finds them by what it has kept" {
  new_group "$BATS_TEST_TMPDIR/group" a b c
  start_group "${calm[@]}"
  member d "${spare[0]}" a -- "${calm[@]}"
  member e "${spare[1]}" a -- "${calm[@]}"
  run -0 on b dpeers remove a -w 20
  run -0 on c dpeers replace b d -w 20
  run -0 on d dpeers replace c e -w 20
  knows() { grep -q '^voter d ' "$group/a/addresses" && grep -q '^voter e ' "$group/a/addresses"; }
  eventually knows
  for name in a b c; do signal_peer KILL $name; done
  for name in a b c; do eventually peer_gone $name; done
  run ! grep -q '^voter [de] ' "$group/a/member" # of the day on which it was removed
  start_peer a "${calm[@]}"
  eventually serves a
  on a dlock -w 10 job -- true
}

@test "hosts that were removed and begin anew by their old list found no other group: they come to the living one" {
  new_group "$BATS_TEST_TMPDIR/group" a b
  start_group "${calm[@]}" --forget-after 2s
  member d "${spare[0]}" a -- "${calm[@]}" --forget-after 2s
  on a dpeers promote d
  votes() { [ "$(on d dpeers --json | jq -r 'select(.voter) | .name' | sort | tr -d '\n')" = "$1" ]; }
  eventually votes abd
  on d dpeers remove a -w 20
  eventually votes bd
  on d dpeers remove b -w 20
  eventually votes d
  for name in a b; do signal_peer KILL $name; done
  remembers() { grep -q '^gone a ' "$group/d/addresses" && grep -q '^gone b ' "$group/d/addresses"; }
  eventually remembers
  # Founders that are gone for good: not listed, no trouble, and no key waits for them.
  only_d() { [ "$(on d dpeers --json | jq -r .name)" = d ]; }
  eventually only_d
  run -0 on d dpeers --check
  run -0 on d dpeers key add
  rm -rf "$group"/{a,b}
  mkdir "$group"/{a,b}
  start_peer a "${calm[@]}" # and the other one a moment later: nobody founds alone
  eventually serves a
  grep -q "d, of group [0-9a-f]*, says that the group has removed this host, whose disk was lost" "$group/a.log"
  on a dlock -n job -- true
  # One that founds another group under this key is told, and ends.
  stop_members_but_d() { signal_peer KILL a && eventually peer_gone a; }
  stop_members_but_d
  remembers() { grep -q '^gone a ' "$group/d/addresses"; }
  eventually remembers
  rm -rf "$group/a"
  mkdir "$group/a"
  sed -i 's/b=/x=/' "$group/peers"
  start_peer a "${calm[@]}"
  eventually peer_gone a
  grep -q "a group under this key lives, [0-9a-f]*, from which this host was removed: d of it, at 127.0.0.1:${spare[0]}" "$group/a.log"
  grep -q "start it with --join 127.0.0.1:${spare[0]}" "$group/a.log"
}
