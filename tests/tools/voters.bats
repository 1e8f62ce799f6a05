#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# Voters that change while the group is in use: promote, demote, remove, replace, transfer.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() { export BATS_TEST_TIMEOUT=120; }

teardown() {
  end_jobs TERM
  stop_group
}

# voters NAME...: a group of these, at level 2.
voters() {
  new_group "$BATS_TEST_TMPDIR/g" "$@"
  export COORD_SOCKET=$group/$1.sock
  start_group "${calm[@]}"
  eventually at_level_2
}
at_level_2() { [ "$(dpeers level --json | jq .level)" = 2 ]; }
leader() { leader_seen_by "${1:-${names[0]}}"; }
a_follower() { others_than "$(leader)" | head -1; }
who_votes() { on "$1" dpeers --json | jq -r 'select(.voter) | .name' | sort | tr -d '\n'; }  # SEEN_BY
votes_are() { [ "$(who_votes "$1")" = "$2" ]; }                                                 # SEEN_BY NAMES
role_of() { on "$1" dpeers --json | jq -r --arg name "$2" 'select(.name == $name) | .role'; }   # SEEN_BY NAME
role_is() { [ "$(role_of "$1" "$2")" = "$3" ]; }
locks_work() { on "$1" timeout 20 dlock -w 15 "at-$1" -- true; }

@test "transfer: the leadership moves, and the verb ends when it has" {
  voters a b c
  to=$(a_follower)
  run -0 dpeers transfer "$to"
  [[ $output == "voters: a, b, c; $to leads" ]]
  role_is "$to" "$to" leader
  run -0 dpeers transfer "$to"
  run -0 dpeers transfer a --json
  jq -e '.verb == "transfer" and .name == "a" and .done and .leader == "a" and .voters == ["a", "b", "c"] and .learners == []' <<<"$output"
  for name in a b c; do locks_work $name; done
}

@test "a follower is removed, serves by asking the voters, and votes again when it is promoted" {
  voters a b c
  gone=$(a_follower)
  rest=$(printf '%s' abc | tr -d "$gone")
  run -0 --separate-stderr dpeers remove "$gone"
  [[ $stderr == *"2 voters: the group stands the loss of none, as it does with 1: an odd number is better"* ]]
  for name in ${rest:0:1} ${rest:1:1}; do
    eventually votes_are "$name" "$rest"
    role_is "$name" "$gone" member
    locks_work "$name"
  done
  eventually role_is "$gone" "$gone" member
  votes_are "$gone" "$rest"
  eventually grep -q 'does not vote any more: begins anew' "$group/$gone.log"
  eventually locks_work "$gone"
  # Its operator is heard as those of the voters are.
  run -0 on "$gone" dpeers transfer "${rest:1:1}" -w 20
  run -64 on "$gone" dpeers promote nobody
  run -64 on "$gone" dpeers remove 'node 5'
  run -64 on "${rest:0:1}" dpeers remove 'node 5'
  grep -q 'voters from entry' "$group/${rest:0:1}.log"
  grep -q "remove $gone: $gone is removed, ordered by" "$group"/*.log
  # Its state remains: started again it is what it was.
  signal_peer TERM "$gone"
  eventually peer_gone "$gone"
  start_peer "$gone" "${calm[@]}"
  eventually role_is "$gone" "$gone" member
  locks_work "$gone"
  run -0 on "$gone" dpeers promote "$gone"
  for name in a b c; do
    eventually votes_are $name abc
    locks_work $name
  done
}

@test "a host that does not lead is removed by its own word: that is done, and not refused" {
  voters a b c
  gone=$(a_follower)
  rest=$(printf '%s' abc | tr -d "$gone")
  run -0 --separate-stderr on "$gone" dpeers remove "$gone"
  [[ $output == "voters: ${rest:0:1}, ${rest:1:1}"* ]]
  run -0 on "$gone" dpeers remove "$gone"
}

@test "the leader is removed: another one leads first, and it can come back" {
  voters a b c
  first=$(leader)
  asked=$(a_follower)
  run -0 on "$asked" dpeers remove "$first"
  eventually sees_leader "$asked"
  [ "$(leader "$asked")" != "$first" ]
  locks_work "$asked"
  run -0 on "$asked" dpeers promote "$first"
  eventually votes_are "$first" abc
  locks_work "$first"
}

@test "demote: it learns on and serves its tools, also after a restart" {
  voters a b c
  learner=$(a_follower)
  other=$(others_than "$learner" | head -1)
  run -0 on "$other" dpeers demote "$learner"
  [[ $output == *"learners: $learner"* ]]
  eventually role_is "$learner" "$learner" learner
  locks_work "$learner"
  signal_peer KILL "$learner"
  eventually peer_gone "$learner"
  locks_work "$other"
  start_peer "$learner" "${calm[@]}"
  eventually role_is "$learner" "$learner" learner
  locks_work "$learner"
  run -0 on "$learner" dpeers promote "$learner"
  eventually votes_are "$learner" abc
}

@test "a dead voter of three is replaced by a fourth that stood by" {
  voters a b c d
  first=$(leader)
  spare=$(a_follower)
  run -0 on "$first" dpeers remove "$spare"
  dead=$(others_than "$first" | grep -vx "$spare" | head -1)
  signal_peer KILL "$dead"
  eventually peer_gone "$dead"
  run -0 on "$first" dpeers replace "$dead" "$spare"
  expected=$(printf '%s' abcd | tr -d "$dead")
  eventually votes_are "$first" "$expected"
  eventually votes_are "$spare" "$expected"
  locks_work "$spare"
  # Of the group it is no more, until it comes back, and nobody misses it.
  run -0 on "$first" dpeers remove "$dead" -w 30
  is_forgotten() { [ -z "$(on "$first" dpeers --json | jq -r --arg name "$dead" 'select(.name == $name) | .name')" ]; }
  eventually is_forgotten
  run -0 on "$first" dpeers --check
  run -0 on "$first" dpeers remove "$dead" -w 30
  # It comes back, is told that it does not vote, and disturbs nobody.
  term=$(on "$first" dpeers --json | jq 'select(.local).term')
  start_peer "$dead" "${calm[@]}"
  eventually role_is "$dead" "$dead" member
  [ "$(on "$first" dpeers --json | jq 'select(.local).term')" = "$term" ]
}

@test "a founder without a vote is forgotten once it is held dead, and stays as long as it lives" {
  voters a b c
  first=$(leader)
  gone=$(a_follower)
  run -0 on "$first" dpeers remove "$gone"
  without_vote() { on "$first" dpeers --json | jq -e --arg name "$gone" 'select(.name == $name) | .role == "member"' >/dev/null; }
  eventually without_vote
  run -0 on "$first" dpeers remove "$gone"
  [[ $output == *"$gone has no vote, and stays of the group: it is of the list, and lives"* ]]
  listed() { on "$first" dpeers --json | jq -e --arg name "$gone" 'select(.name == $name)' >/dev/null; }
  listed
  # Ordered at once after its death, while the others hold it alive still.
  signal_peer KILL "$gone"
  eventually peer_gone "$gone"
  run -0 on "$first" dpeers remove "$gone" -w 30
  [[ $output != *"stays of the group"* ]]
  is_forgotten() { ! listed; }
  eventually is_forgotten
}

@test "the leader is killed in the middle of a change: the change goes on under the next one" {
  voters a b c d e
  first=$(leader)
  mapfile -t rest < <(others_than "$first")
  on "${rest[0]}" dpeers remove "${rest[3]}" -w 60
  on "${rest[0]}" dpeers replace "${rest[2]}" "${rest[3]}" -w 60 3>&- &
  change=$!
  signal_peer KILL "$first"
  wait $change
  expected=$(printf '%s' abcde | tr -d "${rest[2]}")
  eventually votes_are "${rest[0]}" "$expected"
  locks_work "${rest[1]}"
}

@test "refused: without a majority of those who would vote, for who cannot lead, for an unknown name" {
  voters a b c
  first=$(leader)
  mapfile -t rest < <(others_than "$first")
  run -64 dpeers promote nobody
  [[ $output == *"no peer of the group is called 'nobody'"* ]]
  run -64 dpeers replace a a
  run -0 on "$first" dpeers demote "${rest[0]}"
  run -69 on "$first" dpeers transfer "${rest[0]}"
  [[ $output == *"${rest[0]} does not vote, so it cannot lead: \`dpeers promote ${rest[0]}\` first"* ]]
  run -0 on "$first" dpeers promote "${rest[0]}"
  signal_peer KILL "${rest[1]}"
  eventually peer_gone "${rest[1]}"
  not_heard() { on "$first" dpeers transfer "${rest[1]}" -w 0 2>&1 | grep -qF "${rest[1]} does not answer"; }
  eventually not_heard
  run -69 on "$first" dpeers remove "${rest[0]}"
  [[ $output == *"too few of the voters that there would be have answered in the last second"* ]]
  votes_are "$first" abc
}

@test "nobody leads: 69 when the time is over, and an only voter cannot go" {
  voters a b
  run -0 --separate-stderr dpeers remove b
  [[ $output == "voters: a; a leads" || $output == "voters: a; "* ]]
  run -69 dpeers remove a
  [[ $output == *"a is the only one that votes"* ]]
  run -0 dpeers promote b
  signal_peer KILL b
  eventually peer_gone b
  eventually sees_none a
  run -69 dpeers demote b -w 1
  [[ $output == *"nobody leads: nothing can be changed"* ]]
}

@test "-w counts also while a peer that is there again does not greet" {
  voters a b c
  signal_peer KILL b
  signal_peer KILL c
  eventually sees_none a
  dpeers remove -w 1.5 b >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
  local asking=$! began
  began=$(now_us)
  sleep 0.4
  kill -KILL "$(pid_of a)"
  rm "$group/a.sock"
  python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(50); time.sleep(20)' "$group/a.sock" 3>&- &
  local status=0
  wait $asking || status=$?
  cat "$BATS_TEST_TMPDIR/said"
  [ $status -eq 69 ]
  [ $(($(now_us) - began)) -lt 2300000 ]
}

@test "another user: 64, and nothing changes" {
  [ "$(id -u)" = 0 ] || skip "needs root for another user"
  open=$(mktemp -d) # where others come in
  new_group "$open/g" a b c
  chmod 755 "$open" "$group"
  export COORD_SOCKET=$group/a.sock
  start_group "${calm[@]}" --admit '*'
  eventually at_level_2
  as_nobody() { setpriv --reuid nobody --regid nogroup --clear-groups -- "$@"; }
  run -0 as_nobody dpeers
  for verb in promote demote remove transfer; do
    run -64 as_nobody dpeers $verb b
    [[ $output == *"only root and the peer's own user may change the voters"* ]]
  done
  run -64 as_nobody dpeers replace b c
  [[ $output == *"only root and the peer's own user may change the voters"* ]]
  for setting in 5 off '3 --after 60' '--pause 1h'; do
    run -64 as_nobody dpeers voters $setting
    [[ $output == *"only root and the peer's own user may change the voters"* ]]
  done
  run -0 as_nobody dpeers voters # whoever looks
  run -64 as_nobody dpeers move b 127.0.0.1:9
  [[ $output == *"only root and the peer's own user may change addresses"* ]]
  run -0 as_nobody dpeers level
  for verb in list add 'use k1' 'remove k1'; do
    run -64 as_nobody dpeers key $verb
    [[ $output == *"only root and the peer's own user may ask for the group's keys"* ]]
  done
  votes_are a abc
  [ "$(dpeers voters --json | jq .kept)" = 0 ]
  [ "$(dpeers key list --json | jq -s length)" = 1 ]
  stop_group
  rm -rf "$open"
}

@test "another user: the level is not raised" {
  [ "$(id -u)" = 0 ] || skip "needs root for another user"
  open=$(mktemp -d)
  new_group "$open/g" a b c
  chmod 755 "$open" "$group"
  export COORD_SOCKET=$group/a.sock
  start_peer a "${calm[@]}" --admit '*' # alone, so the group is at level 1
  has_next() { [ "$(dpeers level --json | jq .next)" = 2 ]; }
  eventually has_next
  run -64 setpriv --reuid nobody --regid nogroup --clear-groups -- dpeers level --raise
  [[ $output == *"only root and the peer's own user may raise the level"* ]]
  run -69 dpeers level --raise
  [ "$(dpeers level --json | jq .level)" = 1 ]
  stop_group
  rm -rf "$open"
}
