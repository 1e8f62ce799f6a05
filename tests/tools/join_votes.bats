#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# Hosts that came with --join get a vote, lose it again, and go.
bats_require_minimum_version 1.5.0
load peer_helpers
load member_helpers

setup_file() {
  new_group "$BATS_FILE_TMPDIR/group" a b c
  export group COORD_SOCKET=$group/a.sock
  start_group "${calm[@]}"
}

teardown_file() {
  use_group "$BATS_FILE_TMPDIR/group"
  stop_group
}

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  use_group "$BATS_FILE_TMPDIR/group"
  read -r -a spare < <(free_ports 1)
}

teardown() {
  end_jobs KILL
  stop_members
}

voters_are() { [ "$(dpeers --json | jq -r 'select(.voter) | .name' | sort | tr -d '\n')" = "$1" ]; } # NAMES
role_is() { [ "$(on "$1" dpeers --json | jq -r 'select(.local).role')" = "$2" ]; }                    # NAME ROLE
unlisted() { ! dpeers --json | jq -e --arg name "$1" 'select(.name == $name)' >/dev/null; }

@test "a host that came later votes, what it holds goes on, and after kill -9 it votes" {
  member m "${spare[0]}" a
  hold m job --ttl 10
  run -0 --separate-stderr dpeers promote m
  [[ $output == "voters: a, b, c, m"* ]]
  eventually voters_are abcm
  eventually role_is m follower
  run -1 dlock -n job -- true
  kill -0 "$command"
  release job
  wait "$holder"
  on m dlock -w 10 job -- true
  signal_peer KILL m
  eventually peer_gone m
  member m "${spare[0]}" a
  eventually role_is m follower
  ! grep -q 'uses the addresses that it knew' "$group/m.log"
  run -0 on m chordctl ring
  # Two of the four founders' votes are not enough without it.
  signal_peer STOP c
  dlock -w 20 job -- true
  signal_peer CONT c
  run -0 dpeers transfer m
  run -0 dpeers transfer a -w 20
  run -0 dpeers remove m
  eventually role_is m member
  eventually serves m
  on m dlock -w 10 job -- true
  run -0 dpeers remove m
  eventually unlisted m
  eventually peer_gone m
  grep -q 'was removed from the group' "$group/m.log"
}

@test "of a founder without a vote that lives a host without a vote says that it stays" {
  run -0 dpeers remove c
  eventually role_is c member
  member m "${spare[0]}" a # has no link to c
  run -0 on m dpeers remove c -w 30
  [[ $output == *"c has no vote, and stays of the group: it is of the list, and lives"* ]]
  run ! unlisted c
  run -0 dpeers promote c
  eventually voters_are abc
}

@test "orders are given on a host without a vote, also about itself" {
  read -r -a spare < <(free_ports 2)
  member m "${spare[0]}" a
  member n "${spare[1]}" m
  run -0 --separate-stderr on m dpeers promote n
  [[ $output == "voters: a, b, c, n"* ]]
  eventually voters_are abcn
  run -0 --separate-stderr on m dpeers demote n
  [[ $output == *"learners: n"* ]]
  run -0 on m dpeers transfer c -w 20
  run -0 on m dpeers transfer a -w 20
  run -0 on m dpeers voters off
  run -0 on m dpeers move n "127.0.0.1:${spare[1]}"
  run -64 on m dpeers promote nobody
  [[ $output == *"no peer of the group is called 'nobody'"* ]]
  # At once: the vote that it had is not taken for the host, nor a host without one for a voter.
  run -0 on m dpeers promote n
  run -0 on m dpeers remove n
  [ -n "$(dpeers --json | jq -r 'select(.name == "n").name')" ]
  run -0 on m dpeers remove n -w 20
  eventually unlisted n
  grep -q 'voters: n is forgotten, ordered by' "$group/m.log"
  eventually peer_gone n
  run -0 --separate-stderr on m dpeers promote m
  [[ $output == "voters: a, b, c, m"* ]]
  eventually role_is m follower
  run -0 on m dpeers remove m
  eventually role_is m member
  not_by_itself() { run -69 on m dpeers remove m && [[ $output == *"\`dpeers remove m\` on another host"* ]]; }
  eventually not_by_itself # until it has begun anew it says again that its vote is gone
  run -0 dpeers remove m -w 20
  eventually unlisted m
}

@test "a host that came later and votes is a site, and a change of the voters begins another epoch" {
  member m "${spare[0]}" a
  run -64 on m dlock --algorithm ricart-agrawala door true
  [[ $output == *"no site: ask on one of "* && $output != *m* ]]
  run -64 on m dpropose --algorithm paxos plan later
  [ "$(dlock --algorithm ricart-agrawala --report report door -- true; jq -c '.sites | sort' report)" = '["a","b","c"]' ]
  run -0 dpeers promote m
  eventually voters_are abcm
  on m dlock --algorithm ricart-agrawala --report report -w 20 door -- true
  [ "$(jq -c '[(.sites | sort), .messages]' report)" = '[["a","b","c","m"],{"reply":3,"request":3}]' ]
  [ "$(on m dlock --algorithm ricart-agrawala --among b,m --report report two -- echo in; jq -c '.sites | sort' report)" = $'in\n["b","m"]' ]
  [ "$(on m dpropose --algorithm paxos plan later)" = later ]
  [ "$(on b dpropose --get plan)" = later ]
  run -0 dpeers remove m
  eventually role_is m member
  eventually serves m
  on m dlock -w 10 job -- true
  run -64 on m dlock --algorithm ricart-agrawala door true
  [ "$(dlock --algorithm ricart-agrawala --report report -w 20 door -- true; jq -c '.sites | sort' report)" = '["a","b","c"]' ]
  run -0 dpeers remove m
  eventually unlisted m
  eventually peer_gone m
}

@test "a tool that asks while its host begins anew, as its vote comes or goes, is answered" {
  member m "${spare[0]}" a
  asks() { # COMMAND...
    until [ -e over ]; do
      on m "$@" >>said 2>&1 || echo "$*: $?" >>failed
      echo >>asked
    done
  }
  asks dlock --list 3>&- &
  asks dpeers 3>&- &
  asks dkv list 3>&- &
  for _ in 1 2; do
    run -0 dpeers promote m
    eventually role_is m follower
    run -0 dpeers remove m
    eventually grep -q 'does not vote any more: begins anew' "$group/m.log"
    eventually role_is m member
    eventually serves m
    : >"$group/m.log"
  done
  touch over
  wait
  [ "$(wc -l <asked)" -gt 20 ]
  [ ! -e failed ] || { cat failed said && false; }
}

@test "a host that is removed twice at once is out: the vote, and then the host, before it has begun anew" {
  for _ in 1 2; do
    member m "${spare[0]}" a
    run -0 dpeers promote m
    eventually voters_are abcm
    run -0 dpeers remove m
    run -0 dpeers remove m -w 20
    eventually peer_gone m
    eventually unlisted m
    rm -r "${group:?}/m"
  done
}

signing() { on "$1" dpeers doctor --json | jq -r 'select(.check == "signing" and .object == "'"$2"'") | .what'; }
shows_key() { [[ $(signing "$1" "$2") == *ed25519:* ]]; }
begun() { [ "$(cat "$BATS_TEST_TMPDIR/led.$1" 2>/dev/null)" = "$1" ]; }
pin_all_of_each_other() { # HOST...
  local one other
  for one; do
    for other; do
      [ "$one" = "$other" ] || on "$one" dpeers key pin "$other" "$(signing "$other" 'this host')"
    done
  done
}

@test "pbft with a host that came later: once its key is pinned by hand; without its vote it is no site, and is told what was decided" {
  member m "${spare[0]}" a
  run -64 on m dpropose --algorithm pbft later v
  run -0 dpeers promote m
  eventually voters_are abcm
  eventually shows_key m 'this host'
  run -69 --separate-stderr on m dpropose --algorithm pbft later v -w 2
  [[ $stderr == *"signing key is not pinned here"* ]]
  pin_all_of_each_other a b c m
  [ "$(on m dpropose --algorithm pbft later v -w 20)" = v ]
  [ "$(on a dpropose --get later)" = v ]
  run -0 dpeers remove m
  eventually role_is m member
  eventually serves m
  eventually grep -q 'does not vote any more: begins anew' "$group/m.log"
  eventually serves m
  run -64 on m dpropose --algorithm pbft new v
  tells() { [ "$(on m dpropose --get "$1")" = "$2" ]; }
  eventually tells later v
  on a dpropose --algorithm paxos other x
  eventually tells other x
  run -0 dpeers remove m
  eventually unlisted m
  eventually peer_gone m
}

@test "bully and lease-race with a host that came later, once it votes; without its vote it leads no more" {
  member m "${spare[0]}" a
  run -64 on m delect --algorithm bully --bound 0.4 --i-know jobs -- true
  run -0 dpeers promote m
  eventually voters_are abcm
  for by in "bully --bound 0.4 --i-know" "lease-race --ttl 1"; do
    rm -f led.m
    # shellcheck disable=SC2086 # options
    on m delect --algorithm $by jobs -- sh -c 'echo m >led.m; sleep 60' 3>&- &
    standing+=($!)
    eventually begun m
  done
  run -0 dpeers remove m
  for each in "${standing[@]}"; do eventually gone "$each"; done
  eventually role_is m member
  eventually serves m
  run -0 dpeers remove m
  eventually unlisted m
  eventually peer_gone m
}

@test "a host without a vote takes part in a transaction, by majority and by 2pc, and knows the delays" {
  member m "${spare[0]}" a
  for by in majority 2pc; do
    on m dcommit "deal-$by" -n 2 --protocol $by --i-know --prepare true --commit true --abort false -w 20 --report "report.$by" 3>&- &
    other=$!
    on a dcommit "deal-$by" -n 2 --protocol $by --i-know --prepare true --commit true --abort false -w 20
    ended_with "$other" 0
  done
  jq -e '.delays >= 3 and .delays <= 4' report.majority
  run -0 dpeers remove m
  eventually unlisted m
  eventually peer_gone m
}

@test "a host without a vote that holds something is not removed, and what holds is named" {
  member n "${spare[0]}" b
  hold n job
  run -69 dpeers remove n
  [[ $output == *"n holds or waits for something: "*"(pid "* ]]
  release job
  wait "$holder"
  began=$SECONDS
  run -0 dpeers remove n
  [ "$(cat "$group"/[abc].log | grep -c 'voters: n is forgotten, ordered by ')" -eq 1 ]
  eventually unlisted n
  eventually peer_gone n
  [ $((SECONDS - began)) -le 4 ] # it is told, and does not have to find out
  grep -q "'n': this host was removed from the group: start it again to come back" "$group/n.log"
  run -0 dpeers --json
  run -64 dpeers remove nobody
}

@test "a host that comes back at once is removed once by one order" {
  mkdir -p "$group/r"
  (
    until [ -e "$BATS_TEST_TMPDIR/stop" ]; do
      coordd --name r --join "127.0.0.1:$(port_of a)" --listen "127.0.0.1:${spare[0]}" --key-file "$group/key" --state-dir "$group/r" \
        --socket "$group/r.sock" </dev/null >>"$group/r.log" 2>&1 3>&- &
      echo $! >"$group/r.pid"
      wait $! || true
    done
  ) 3>&- &
  members+=(r)
  eventually serves r
  run -0 dpeers remove r -w 10
  came_back() { [ "$(grep -c 'peer r serves' "$group/r.log")" -ge 2 ]; }
  eventually came_back
  eventually serves r
  touch "$BATS_TEST_TMPDIR/stop"
  [ "$(grep -c 'was removed from the group' "$group/r.log")" -eq 1 ]
  run -0 dpeers remove r # and does not come back any more
  eventually unlisted r
}

@test "the group keeps three voters: a dead one is replaced by a host that stood by, and comes back without a vote" {
  run -0 dpeers voters
  [[ $output == "the group does not change its voters by itself"* ]]
  [ "$(dpeers voters --json | jq -c '[.verb, .kept, .voters]')" = '["voters",0,["a","b","c"]]' ]
  run -64 dpeers voters 16
  run -64 dpeers voters few
  member s "${spare[0]}" a -- --zone north
  run -0 --separate-stderr dpeers voters 3 --after 2s --pause 1h
  [[ $output == "the group keeps 3 voters: one that has not been heard for 2 s is replaced; paused for"* ]]
  [ "$(on s dpeers voters --json | jq -c '[.kept, .after_s, .pause_s > 3500]')" = '[3,2,true]' ]
  run -0 dpeers doctor
  [[ $(tr -s ' \n' ' ' <<<"$output") == *"warn voters group: 3 of the group's 4 hosts vote; 1 came with --join, without a vote; the group keeps 3 by itself, but changes nothing for"* ]]
  [ "$(dpeers --json | jq -r 'select(.name == "s") | .zone')" = north ]
  run -0 on s dpeers voters --pause 0
  dead=$(printf '%s\n' b c | grep -vx "$(leader_seen_by a)" | head -1)
  signal_peer KILL "$dead"
  eventually peer_gone "$dead"
  eventually voters_are "$(printf '%s' abcs | tr -d "$dead")"
  nobody_stands_by() { dpeers --json doctor | jq -se 'any(.check == "voters" and .status == "warn" and (.what | contains("no host without a vote stands by")))' >/dev/null; }
  eventually nobody_stands_by
  grep -q 'ordered by the group (dpeers voters)' "$group"/?.log
  on s dlock -w 20 job -- true
  start_peer "$dead" "${calm[@]}"
  eventually serves "$dead"
  on "$dead" dlock -w 20 job -- true
  run -0 --separate-stderr dpeers voters 4
  [[ $stderr == *"4 voters stand no more losses than 3: an odd number is better"* ]]
  eventually voters_are abcs # it stands by itself
  run -0 dpeers voters off
  run -0 dpeers remove s
}

@test "a peer is reached at another address, and the lists on the other hosts stay as they are" {
  signal_peer TERM c
  eventually peer_gone c
  there=127.0.0.1:${spare[0]}
  run -64 dpeers move c "127.0.0.1:$(port_of b)"
  run -64 dpeers move nobody "$there"
  run -64 dpeers move c nowhere
  run -0 dpeers move c "$there"
  [ "$output" = "c is reached at $there" ]
  [ "$(dpeers --json | jq -r 'select(.name == "c") | .address')" = "$there" ]
  start_peer c "${calm[@]}" --listen "$there"
  eventually serves c
  c_is() { [ "$(on "$1" dpeers --json | jq -r 'select(.name == "c") | "\(.address) \(.state)"')" = "$there alive" ]; }
  for name in a b; do eventually c_is $name; done
  # Also of a peer that begins with its old list.
  signal_peer KILL b
  eventually peer_gone b
  start_peer b "${calm[@]}"
  eventually c_is b || { tail -20 "$group/b.log"; false; }
  run -0 dpeers move c "127.0.0.1:$(port_of c)"
  signal_peer TERM c
  eventually peer_gone c
  start_peer c "${calm[@]}"
  eventually serves c
}

@test "a host that came later and votes is moved first, then started there" {
  member m "${spare[0]}" a
  run -0 dpeers promote m
  eventually role_is m follower
  signal_peer TERM m
  eventually peer_gone m
  read -r there < <(free_ports 1)
  run -64 timeout 20 coordd --name m --join "127.0.0.1:$(port_of b)" --listen "127.0.0.1:$there" --key-file "$group/key" \
    --state-dir "$group/m" --socket "$group/m.sock"
  [[ $output == *"\`dpeers move m 127.0.0.1:$there\`"* ]]
  run -0 dpeers move m "127.0.0.1:$there"
  member m "$there" a
  eventually role_is m follower
  m_is_there() { [ "$(on "$1" dpeers --json | jq -r 'select(.name == "m") | "\(.address) \(.state)"')" = "127.0.0.1:$there alive" ]; }
  for name in a b c; do eventually m_is_there $name; done
  run -0 dpeers remove m
  eventually role_is m member
  run -0 dpeers remove m
}

@test "what the group has not confirmed may come about (76), and where nobody leads nothing was ordered (69)" {
  leader=$(leader_seen_by a)
  for name in a b c; do [ "$name" = "$leader" ] || signal_peer STOP $name; done
  run -76 on "$leader" dpeers voters 5 --pause 1h -w 1
  [[ $output == *"it may still come about"* ]]
  eventually sees_none "$leader"
  run -69 on "$leader" dpeers voters 1 -w 0.5
  for name in a b c; do [ "$name" = "$leader" ] || signal_peer CONT $name; done
  eventually group_has_leader
  run -0 dpeers voters off
  [ "$(dpeers voters --json | jq -c '[.kept, .after_s, .pause_s]')" = '[0,null,null]' ]
}

@test "an operator is told what the group makes of his word" {
  member s "${spare[0]}" a
  run -0 dpeers voters 3 --pause 0
  other=$(printf '%s\n' b c | grep -vx "$(leader_seen_by a)" | head -1)
  run -0 --separate-stderr dpeers demote "$other"
  [[ $stderr == *"the group keeps 3 voters by itself"*"gives another host the vote"* ]]
  run -0 --separate-stderr dpeers promote "$other"
  run -0 dpeers voters off
  run -0 dpeers remove s
}

@test "the offsets of the clocks of the group's hosts" {
  known() { [ "$(dclock peers --json | jq -r 'select(.offset_s != null and .bound_s >= 0) | .name' | sort | tr -d '\n')" = bc ]; }
  eventually known
  run -0 dclock peers --within 30
  [[ ${lines[0]} == "NAME"*"STATE"*"OFFSET s"*"BOUND s"*"RATE ppm"*"LAST STAMP" ]]
  # Every message between the peers bears a stamp of the sender's hybrid clock.
  run -0 dpeers --json
  jq -es '[.[] | .hlc | test("^20[0-9-]{8}T[0-9:.]{12}Z[.][0-9a-f]{4}$")] | length == 3 and all' <<<"$output"
  run -1 dclock peers --within 0
  [[ $output == *"may be "*" s from this host's clock"* ]]
}

@test "a host whose vote is taken away serves its copies of a ring's keys all the same" {
  for name in a b c; do on $name chordctl join -w 20; done
  on a chordctl put k v
  run -0 dpeers remove c
  eventually role_is c member
  serves_copies() { on c chordctl ring --check -w 5 >/dev/null 2>&1; }
  eventually serves_copies
  [ "$(on c chordctl get k)" = v ]
  run -0 dpeers promote c
  eventually role_is c follower
  signal_peer KILL c
  eventually peer_gone c
  is_dead() { [ "$(dpeers --json | jq -r 'select(.name == "c") | .state')" = dead ]; }
  eventually is_dead
  run -0 dpeers remove c
}
