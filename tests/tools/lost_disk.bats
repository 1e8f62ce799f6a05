#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Hosts whose disk was lost: mute until the group has removed them, back by themselves then, and the old disk refused.
bats_require_minimum_version 1.5.0
load peer_helpers
load member_helpers

setup() { export BATS_TEST_TIMEOUT=120; members=(); }

teardown() {
  end_jobs TERM
  stop_members
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
who_votes() { on "$1" dpeers --json | jq -r 'select(.voter) | .name' | sort | tr -d '\n'; }  # SEEN_BY
votes_are() { [ "$(who_votes "$1")" = "$2" ]; }                                                 # SEEN_BY NAMES
role_is() { [ "$(on "$1" dpeers --json | jq -r --arg name "$2" 'select(.name == $name) | "\(.role) \(.state)"')" = "$3" ]; }
locks_work() { on "$1" timeout 20 dlock -w 15 "at-$1" -- true; }
one_line() { tr -s ' \n' ' ' <<<"$output"; }  # what was said, as it was before it was broken into lines
says() { grep -q -- "$2" "$group/$1.log"; } # NAME WORDS
# one_says WORDS NAME...
one_says() {
  local words=$1 name
  shift
  for name in "$@"; do if says "$name" "$words"; then return 0; fi; done
  return 1
}
# ends NAME STATUS: it is run here, and does not serve.
ends() {
  local list
  list=$(cat "$group/peers")
  run "-$2" timeout 20 coordd --name "$1" --peers "$list" --key-file "$group/key" --state-dir "$group/$1" --socket "$group/$1.sock" "${calm[@]}"
}
stop_dead() { signal_peer KILL "$1" && eventually peer_gone "$1"; }
# lose_disk NAME: it is killed, and what it had is in NAME.old.
lose_disk() {
  stop_dead "$1"
  mv "$group/$1" "$group/$1.old"
  mkdir "$group/$1"
  start_peer "$1" "${calm[@]}"
}

@test "a founder without its disk is mute, comes back once it was removed, votes again, and its old disk is refused" {
  voters a b c
  first=$(leader)
  lost=$(others_than "$first" | head -1)
  other=$(others_than "$first" | tail -1)
  rest=$(printf '%s\n' "$first" "$other" | sort | tr -d '\n')
  lose_disk "$lost"
  eventually says "$lost" 'takes no part until the group has removed it'
  run -1 on "$lost" dpeers doctor
  [[ $output == *"its disk was replaced or emptied"*"dpeers remove"* ]]
  locks_work "$first"
  votes_are "$first" abc
  run -0 --separate-stderr on "$first" dpeers remove "$lost"
  eventually says "$lost" 'comes to the group again, under another number'
  eventually serves "$lost"
  for name in "$first" "$other" "$lost"; do
    eventually role_is "$name" "$lost" 'member alive'
    votes_are "$name" "$rest"
    locks_work "$name"
  done
  run -0 on "$first" dpeers promote "$lost"
  for name in a b c; do eventually votes_are $name abc; done
  # All at once: whom to dial, and who votes, is known without anybody who leads.
  for name in a b c; do signal_peer KILL $name; done
  for name in a b c; do eventually peer_gone $name; done
  stopped=$first
  for name in "$other" "$lost"; do start_peer "$name" "${calm[@]}"; done
  eventually locks_work "$lost"
  start_peer "$stopped" "${calm[@]}"
  for name in a b c; do
    eventually votes_are $name abc
    locks_work $name
  done
  # The disk that was lost turns up again.
  stop_dead "$lost"
  mv "$group/$lost" "$group/$lost.new"
  mv "$group/$lost.old" "$group/$lost"
  ends "$lost" 64
  [[ $output == *"goes on with another disk under this name"*"refused for ever"* ]]
  eventually one_says 'its disk\|disk of it was lost' "$first" "$other"  # whichever it asked first
  locks_work "$first"
  votes_are "$first" abc
  mv "$group/$lost" "$group/$lost.old"
  mv "$group/$lost.new" "$group/$lost"
  start_peer "$lost" "${calm[@]}"
  eventually locks_work "$lost"
  eventually role_is "$first" "$lost" "follower alive"
}

@test "--rejoin: another number, the vote again by itself, also over a kill -9 in between, and the old disk refused" {
  voters a b c
  first=$(leader)
  lost=$(others_than "$first" | head -1)
  other=$(others_than "$first" | tail -1)
  number() { sed -n 's/^node //p' "$group/$lost/member"; }
  stop_dead "$lost"
  mv "$group/$lost" "$group/$lost.old"
  mkdir "$group/$lost"
  start_peer "$lost" --rejoin "${calm[@]}"
  eventually says "$lost" 'comes to the group again, under another number'
  eventually test -s "$group/$lost/rejoin"
  stop_dead "$lost"
  start_peer "$lost" "${calm[@]}"  # once was enough
  caught_up() { says "$lost" 'the file that asked for --rejoin is removed' && [ ! -e "$group/$lost/rejoin" ]; }
  eventually caught_up
  for name in a b c; do eventually votes_are $name abc; done
  one_says "voters: remove $lost: $lost is removed, ordered by $lost (--rejoin)" a b c
  one_says "voters: promote $lost: $lost votes, ordered by $lost (--rejoin)" a b c
  locks_work "$lost"
  # Its vote counts: with the leader gone it makes the majority.
  stop_dead "$first"
  eventually locks_work "$other"
  start_peer "$first" "${calm[@]}"
  eventually locks_work "$first"
  before=$(number)
  # The old disk is put in, as if nothing had happened.
  stop_dead "$lost"
  mv "$group/$lost" "$group/$lost.new"
  cp -a "$group/$lost.old" "$group/$lost"
  ends "$lost" 64
  [[ $output == *"goes on with another disk under this name"*"refused for ever"* ]]
  rm -r "${group:?}/$lost"
  # The next disk is lost as well, and the file asks.
  mkdir "$group/$lost"
  touch "$group/$lost/rejoin"
  start_peer "$lost" "${calm[@]}"
  eventually caught_up
  for name in a b c; do eventually votes_are $name abc; done
  [ "$(number)" != "$before" ]
}

@test "a majority without its disks: nobody comes back by itself, and doctor says what to do" {
  voters a b c
  for name in b c; do stop_dead $name; done
  for name in b c; do
    rm -r "${group:?}/$name"
    mkdir "$group/$name"
    start_peer $name "${calm[@]}"
  done
  for name in b c; do eventually says $name 'takes no part until'; done
  eventually sees_none a
  run -69 on a dlock -w 1 x -- true
  run -1 on b dpeers doctor
  [[ $(one_line) == *"its disk was replaced or emptied"*"coordd --found-from, on a host whose disk is whole"* ]]
  [[ $output != *"the group is at level 1"* ]]
  run -1 on a dpeers doctor
  [[ $(one_line) == *"nobody leads"*"coordd --found-from, on a host whose disk is whole"* ]]
  run -69 on a dpeers remove c -w 1
  for name in b c; do run ! says $name 'comes to the group again'; done
}

@test "a host that came later, voted and lost its disk waits in its place until it is removed" {
  voters a b c
  read -r -a spare < <(free_ports 1)
  member m "${spare[0]}" a -- "${calm[@]}"
  run -0 dpeers promote m
  eventually votes_are a abcm
  stop_dead m
  mv "$group/m" "$group/m.old"
  start_member m "${spare[0]}" a -- "${calm[@]}"
  eventually says m 'waits until the group has removed it: dpeers remove m'
  votes_are a abcm
  printf '%s = "%s"\n' name m listen "127.0.0.1:${spare[0]}" key_file "$group/key" state_dir "$group/m" socket "$group/m.sock" >"$group/m.toml"
  printf 'join = ["127.0.0.1:%s"]\n' "$(port_of a)" >>"$group/m.toml"
  run env -u COORD_SOCKET dpeers doctor --config "$group/m.toml"
  [[ $(one_line) == *"waits to be let in: m votes, or did, with a disk that is lost"*"dpeers remove m, on another host"* ]]
  [[ $output != *"it is stopped, or hangs"* ]]
  run -0 dpeers remove m
  eventually serves m
  [ ! -e "$group/m/waits" ]
  eventually role_is a m 'member alive'
  locks_work m
  # With nothing lost the file says nothing, and goes.
  stop_dead m
  touch "$group/m/rejoin"
  member m "${spare[0]}" a -- "${calm[@]}"
  eventually says m 'is of the group without a vote: the file that asked for --rejoin is removed'
  votes_are a abc
  # Once more, and its operator says so.
  run -0 dpeers promote m
  eventually votes_are a abcm
  stop_dead m
  rm -r "${group:?}/m"
  start_member m "${spare[0]}" a -- --rejoin "${calm[@]}"
  eventually votes_are m abcm
  one_says "promote m: m votes, ordered by m (--rejoin)" a b c
  locks_work m
  # The first of its disks turns up.
  stop_dead m
  mv "$group/m" "$group/m.new"
  mv "$group/m.old" "$group/m"
  start_member m "${spare[0]}" a -- "${calm[@]}"
  eventually peer_gone m
  says m 'refused for ever'
  votes_are a abcm
}

@test "a lost disk whose vote was taken away before the new one came is refused for ever, too" {
  voters a b c
  read -r -a spare < <(free_ports 1)
  member m "${spare[0]}" a -- "${calm[@]}"
  run -0 dpeers promote m
  eventually votes_are a abcm
  stop_dead m
  run -0 dpeers remove m
  votes_are a abc
  mv "$group/m" "$group/m.old"
  member m "${spare[0]}" a -- "${calm[@]}"
  eventually role_is a m 'member alive'
  stop_dead m
  mv "$group/m" "$group/m.new"
  mv "$group/m.old" "$group/m"
  start_member m "${spare[0]}" a -- "${calm[@]}"
  eventually peer_gone m
  says m 'refused for ever'
}

@test "a host that learnt and lost its disk waits for its removal, also where a host without a vote answers it" {
  voters a b c
  read -r -a spare < <(free_ports 2)
  member m "${spare[0]}" a -- "${calm[@]}"
  member n "${spare[1]}" b -- "${calm[@]}"
  run -0 dpeers promote m
  eventually votes_are a abcm
  run -0 dpeers demote m
  eventually votes_are a abc
  eventually role_is n m 'learner alive'
  stop_dead m
  rm -r "${group:?}/m"
  start_member m "${spare[0]}" n -- "${calm[@]}"
  eventually says m 'waits until the group has removed it: dpeers remove m'
  run -0 dpeers remove m
  eventually serves m
  eventually role_is n m 'member alive'
}

# lose_and_return NAME SEEN_BY: its disk is lost, and it votes again, under another number.
lose_and_return() {
  stop_dead "$1"
  rm -r "${group:?}/$1"
  mkdir "$group/$1"
  run -0 on "$2" dpeers remove "$1" -w 20
  start_peer "$1" "${calm[@]}"
  eventually serves "$1"
  run -0 on "$2" dpeers promote "$1" -w 20
  eventually votes_are "$2" abc
}

@test "founders that came anew: one that is removed asks them, and one whose disk is lost later hears of it from them" {
  voters a b c
  lose_and_return b a
  lose_and_return c a
  # Of a's list nobody has his first number.
  run -0 on b dpeers remove a -w 20
  eventually says a 'does not vote any more: begins anew'
  locks_work a
  stop_dead a
  start_peer a "${calm[@]}"
  eventually serves a
  stop_dead a
  rm -r "${group:?}/a"
  mkdir "$group/a"
  start_peer a "${calm[@]}"
  eventually says a 'says that the group has removed this host, whose disk was lost'
  eventually serves a
  locks_work a
  eventually role_is b a 'member alive'
}

# d came and votes, while a was away; b, which has heard of both, is dead.
a_knows_nobody_who_lives() {
  voters a b c
  read -r -a spare < <(free_ports 1)
  member d "${spare[0]}" b c -- "${calm[@]}"
  stop_dead a
  run -0 on b dpeers promote d -w 20
  run -0 on b dpeers remove c -w 20
  eventually votes_are d abd
  stop_dead c
  stop_dead b
}

@test "a voter that was away hears of who came meanwhile and votes, where nobody else is left" {
  a_knows_nobody_who_lives
  start_peer a "${calm[@]}" # its log has a, b, c; and without a nobody leads
  eventually locks_work a
  votes_are d abd
}

@test "a voter that was away and has lost its file of addresses knows its group by its log" {
  a_knows_nobody_who_lives
  rm "$group/a/addresses"
  start_peer a "${calm[@]}"
  eventually locks_work a
  votes_are d abd
}

@test "a voter that was away asks the hosts of its list, if none of them votes any more" {
  voters a b c
  read -r -a spare < <(free_ports 1)
  member d "${spare[0]}" a b -- "${calm[@]}"
  stop_dead c
  run -0 on a dpeers promote d -w 20
  eventually votes_are d abcd
  for name in c b a; do run -0 on d dpeers remove $name -w 20; done
  eventually votes_are d d
  start_peer c "${calm[@]}"
  eventually says c 'names the present voters: begins anew'
  eventually serves c
  locks_work c
}

@test "an old disk that says it votes, while nobody leads, shuts the right one out for no longer than it runs" {
  voters a b
  read -r -a spare < <(free_ports 1)
  member c "${spare[0]}" a b -- "${calm[@]}"
  run -0 dpeers promote c -w 20
  eventually votes_are c abc
  stop_dead c
  mv "$group/c" "$group/c.old"
  start_member c "${spare[0]}" a b -- --rejoin "${calm[@]}"
  back() { says c 'the file that asked for --rejoin is removed' && votes_are a abc; }
  eventually back
  eventually grep -q "^voter c $(sed -n 's/^node //p' "$group/c/member") " "$group/a/addresses"
  for name in a b c; do stop_dead $name; done
  mv "$group/c" "$group/c.new"
  mv "$group/c.old" "$group/c"
  start_peer a "${calm[@]}"
  start_member c "${spare[0]}" a b -- "${calm[@]}"
  eventually says c 'uses the addresses that it knew'
  sleep 7  # it says every 2 s that it votes
  run ! says a 'says that it votes'
  stop_dead c
  mv "$group/c" "$group/c.old"
  mv "$group/c.new" "$group/c"
  start_member c "${spare[0]}" a b -- "${calm[@]}"
  eventually locks_work a
}

@test "--rejoin of a host that came later, killed as soon as it has its number: it votes again" {
  voters a b
  read -r -a spare < <(free_ports 1)
  member c "${spare[0]}" a b -- "${calm[@]}"
  run -0 dpeers promote c -w 20
  eventually votes_are c abc
  stop_dead c
  rm -r "${group:?}/c"
  mkdir "$group/c"
  touch "$group/c/rejoin"
  start_member c "${spare[0]}" a b -- "${calm[@]}"
  eventually test -e "$group/c/member"
  stop_dead c
  [ "$(cat "$group/c/rejoin")" = "vote c" ]
  start_member c "${spare[0]}" a b -- "${calm[@]}"
  eventually votes_are a abc
  eventually votes_are c abc
  has_it() { [ ! -e "$group/c/rejoin" ]; }
  eventually has_it
  # What an operator writes into the file is no vote that was lost.
  run -0 dpeers remove c -w 20
  eventually says c 'does not vote any more'
  stop_dead c
  : >"$group/c.log"
  echo >"$group/c/rejoin"
  start_member c "${spare[0]}" a b -- "${calm[@]}"
  eventually says c 'without a vote: the file that asked for --rejoin is removed'
  votes_are a ab
}
