#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# chordctl where a majority of a key's copies is away: --level one goes on, and ring --adopt goes on for good.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  new_group "$BATS_TEST_TMPDIR/g" a b c d e
  start_group "${calm[@]}"
  cd "$BATS_TEST_TMPDIR"
}
teardown() { stop_group; }

join_all() { for peer in "${names[@]}"; do on "$peer" chordctl join -w 60 "$@"; done; }
lose() {
  for peer; do signal_peer KILL "$peer"; done
  for peer; do eventually peer_gone "$peer"; done
}
gets() { [ "$(on "$1" chordctl get -w 5 "$2" 2>/dev/null)" = "$3" ]; }
hosts_of() { on "$1" chordctl lookup "$2" | cut -f 2 | sort | tr -d '\n'; }

@test "two of a key's three copies are away: one writes and reads, a majority does not, and all have it when they are back" {
  join_all
  for i in $(seq 60); do [ "$(hosts_of a "$i")" != ade ] || { key=$i; break; }; done
  on b chordctl put "$key" before
  run -64 on a chordctl put --copies 1 "$key" before
  [ "$output" = "chordctl: $key: fewer copies than 2 of 3 only with --weak: a get may not see them" ]
  run -64 on a chordctl get --copies 4 "$key"
  on a chordctl put --copies 3 -w 10 "$key" before
  [ "$(on c chordctl get --copies 3 "$key")" = before ]
  lose d e
  [ "$(on b chordctl get --copies 1 --weak -w 10 "$key")" = before ]
  run -69 on a chordctl get -w 1 "$key"
  run -69 on b chordctl put -w 1 "$key" refused
  [ "$(on a chordctl get --level one "$key")" = before ]
  [ "$(on b chordctl get --level one -w 10 "$key")" = before ]
  on b chordctl put --level one -w 10 "$key" after
  [ "$(on c chordctl get --level one -w 10 "$key")" = after ]
  [ "$(on c chordctl get --level one -w 10 --json "$key" | jq -r '.level + " " + .value')" = "one after" ]
  head -c 900000 /dev/urandom >large
  on c chordctl put --level one -w 10 "$key" - <large
  on b chordctl get --level one -w 10 "$key" | cmp - large
  on b chordctl rm --level one -w 10 "$key"
  run -1 on c chordctl get --level one -w 10 "$key"
  on b chordctl put --level one -w 10 "$key" last
  [ "$(on b chordctl get --all --level one -w 10 "$key" | cut -f 3)" = a ]
  start_peer d "${calm[@]}"
  eventually gets b "$key" last
  run -64 on a chordctl get --level two "$key"
}

@test "a session is never told less than it has seen: at a copy that is behind it waits, and what it read goes along" {
  join_all
  for i in $(seq 60); do [ "$(hosts_of a "$i")" != ade ] || { key=$i; break; }; done
  run -64 on a chordctl get --level causal "$key"
  [ "$output" = "chordctl: --level causal: has no session: give --session FILE" ]
  run -64 on a chordctl get --session s "$key"
  run -1 on a chordctl get --level causal --session s "$key"
  on a chordctl put --level causal --session s "$key" question
  on b chordctl put --level causal --session s reply yes
  [ "$(jq -r .key s | sort -u | paste -sd,)" = "$key,reply" ]
  [ "$(jq -r 'select(.by == "reply").key' s)" = "$key" ]
  # Another user reads the reply, and cannot miss the question.
  [ "$(on c chordctl get --level causal --session t reply)" = yes ]
  [ "$(jq -r .key t | sort -u | paste -sd,)" = "$key,reply" ]
  [ "$(on d chordctl get --level causal --session t "$key")" = question ]
  lose d e
  on a chordctl put --level causal --session s "$key" again
  [ "$(on b chordctl get --level causal --session s -w 10 "$key")" = again ]
  on a chordctl rm --level causal --session s "$key"
  run -1 on b chordctl get --level causal --session s -w 10 "$key"
  # While hosts are away a session goes on: a value carries what is nearest, and who reads the last one knows of the first.
  on a chordctl put --level causal --session long "$key" first
  for i in $(seq 70); do on b chordctl put --level causal --session long -w 10 "long$i" "$i"; done
  [ "$(on c chordctl get --level causal --session short -w 20 long70)" = 70 ]
  [ -n "$(jq -r --arg key "$key" 'select((has("by") | not) and .key == $key)' short)" ]
  lose a
  # A session of more than a value can carry is not waited for without an end.
  for i in $(seq 70); do echo "{\"ring\":\"main\",\"key\":\"many$i\",\"version\":\"1@000000000000000b\"}"; done >many
  run -69 on b timeout 30 chordctl put --level causal --session many k v
  [[ $output == *"too much of the session is not on all copies yet: nothing was done"* ]]
  run -69 on b chordctl get --level causal --session s -w 1 "$key"
  run -64 on b chordctl get --ring other --level causal --session s "$key"
}

@test "hosts with a majority of some keys' copies are lost: it is said what may be lost, and the others have the rest" {
  join_all
  for i in $(seq 40); do echo "{\"key\":\"k$i\",\"value\":\"v$i\"}"; done >all
  on a chordctl load -w 30 <all
  run -64 on a chordctl ring --adopt
  [ "$output" = "chordctl: HOST: is missing: name the hosts that are lost" ]
  run -64 on a chordctl ring --adopt nobody
  run -64 on a chordctl ring d
  # One that answers is not lost, and nothing is changed.
  run -3 on a chordctl ring --adopt d
  [ "$output" = "chordctl: main: d answers: it is not lost" ]
  [ "$(on a chordctl ring | wc -l)" -eq 7 ]
  lose d e
  run -1 --separate-stderr on a chordctl keys -w 1
  [ "${#lines[@]}" -gt 0 ]
  [[ $stderr == *d*e* ]]
  run -0 --separate-stderr on a chordctl ring --adopt -w 60 d e
  [[ $stderr == *"less than a majority is left: their last writes may be lost"* ]]
  for i in $(seq 40); do [ "$(on b chordctl get -w 10 "k$i")" = "v$i" ]; done
  [ "$(on c chordctl keys -w 10 | wc -l)" -eq 40 ]
  on c chordctl put -w 10 k1 new
  on a chordctl ring --check -w 10
  # One that was given up brings nothing back.
  start_peer d "${calm[@]}"
  eventually on d dpeers >/dev/null
  [ "$(on a chordctl ring -w 10 | head -n 1)" = "ring main: 3 hosts, 3 copies of each key; with so few hosts, each keeps all" ]
  gets a k1 new
}

# Of a host: as if its disk were another one.
lose_ring() {
  signal_peer KILL "$1"
  eventually peer_gone "$1"
  rm "$group/$1"/ring.db*
  start_peer "$1" "${calm[@]}"
  eventually on "$1" dpeers >/dev/null
}

@test "two joins of one host at once are one, and the ring goes on" {
  for peer in a b; do
    for i in 1 2; do on "$peer" chordctl join -w 30 3>&- & joins[i]=$!; done
    for i in 1 2; do wait "${joins[i]}"; done
    on "$peer" chordctl put -w 10 "by-$peer" v
  done
  [ "$(on a chordctl get -w 10 by-b)" = v ]
  on b chordctl ring --check -w 10
}

@test "a host comes again on an empty disk with the places that it had; of two it is given up first" {
  for peer in a b c; do on "$peer" chordctl join -w 30 --vnodes 16; done
  on a chordctl put k v
  lose_ring c
  on c chordctl join -w 30
  [ "$(on a chordctl ring | grep -c '16 places')" -eq 3 ]
  on c chordctl leave -w 30
  lose_ring b
  run -3 on b chordctl join -w 10
  [[ $output == *"ring --adopt b"* ]]
  run -0 on a chordctl ring --adopt -w 30 b
  on b chordctl join -w 30
  [ "$(on b chordctl get -w 10 k)" = v ]
  on b chordctl leave -w 30
  # Nobody else has anything of it.
  lose_ring a
  run -3 on a chordctl join -w 10
  [[ $output == *"leave --discard"* ]]
  on a chordctl leave -w 10 --discard
  on a chordctl join -w 10
  lose_ring a
  run -0 on a chordctl join -w 10
  [[ $output == *"it begins empty"* ]]
}

@test "a founder that is lost while the second host comes says so, is given up there, and comes again" {
  on a chordctl join -w 30
  lose_ring a
  on b chordctl join 3>&- &
  joins=$!
  is_coming() { on c chordctl ring 2>/dev/null | grep -q 'a host comes or goes'; }
  eventually is_coming
  run -3 on a chordctl join -w 10
  [[ $output == *"ring --adopt a"* ]]
  run -0 on b chordctl ring --adopt -w 30 a
  wait "$joins"
  on b chordctl put -w 10 k v
  on a chordctl join -w 30
  [ "$(on a chordctl get -w 10 k)" = v ]
}

@test "all hosts are killed: what was acknowledged is there when they are back, and until then a get waits" {
  # Of a's own ring, which is set aside: nobody is told of that.
  for i in $(seq 30); do on a chordctl put "k$i" own; done
  join_all
  for i in $(seq 30); do on a chordctl put "k$i" "v$i"; done
  head -c 700000 /dev/urandom >large
  while read -r i; do on a chordctl put "large$i" - <large; done < <(seq 4)
  lose a b c d e
  start_peer a "${calm[@]}"
  answers() { on a dpeers >/dev/null 2>&1; }
  eventually answers
  run -69 on a chordctl get -w 1 k1
  # What is on this disk is told without the others.
  on a chordctl status -w 10 >told
  grep -q 'its other hosts are not known (no quorum: ' told
  on a chordctl keys --local -w 10 >here
  grep -q '^k' here
  for i in $(seq 30); do
    if grep -qx "k$i" here; then
      [ "$(on a chordctl get --level one -w 10 "k$i")" = "v$i" ]
    else
      elsewhere=k$i
    fi
  done
  on a chordctl get --level one -w 10 "$(grep -m 1 large here)" | cmp - large
  run -69 on a chordctl get --level one -w 1 "$elsewhere"
  on a chordctl get k1 >got 3>&- &
  waits=$!
  for peer in b c d e; do start_peer "$peer" "${calm[@]}"; done
  wait "$waits"
  [ "$(cat got)" = v1 ]
  for i in $(seq 30); do [ "$(on b chordctl get "k$i")" = "v$i" ]; done
}
