#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# chordctl on hosts without a vote, and over zones: every verb is the same there, and copies lie in distinct zones.
bats_require_minimum_version 1.5.0
load peer_helpers
load member_helpers

setup_file() {
  new_group "$BATS_FILE_TMPDIR/g" a b c
  read -r -a spare < <(free_ports 2)
  start_peer a "${calm[@]}" --zone x
  start_peer b "${calm[@]}" --zone x
  start_peer c "${calm[@]}" --zone y
  eventually group_has_leader
  members=()
  member m "${spare[0]}" a -- "${calm[@]}" --zone y
  member n "${spare[1]}" b -- "${calm[@]}" --zone z
  echo "${spare[*]}" >"$BATS_FILE_TMPDIR/ports"
  on m chordctl put own kept
  for peer in m a b n c; do on "$peer" chordctl join -w 60; done
}
teardown_file() {
  group=$BATS_FILE_TMPDIR/g
  names=(a b c)
  members=(m n)
  stop_group
  stop_members
}
setup() {
  use_group "$BATS_FILE_TMPDIR/g"
  read -r -a spare <"$BATS_FILE_TMPDIR/ports"
  members=()
  cd "$BATS_TEST_TMPDIR"
}
checks() { on "$1" chordctl ring --check >/dev/null 2>&1; }

@test "every verb works on a host without a vote" {
  [ "$(on a dpeers --json | jq -r 'select(.name == "m").role')" = member ]
  run -1 on m chordctl get own # set aside
  head -c 700000 /dev/urandom >large
  on m chordctl put large - <large
  on n chordctl get large | cmp - large
  on a chordctl get large | cmp - large
  on n chordctl put k v
  [ "$(on m chordctl get k)" = v ]
  [ "$(on m chordctl get --level one k)" = v ]
  on m chordctl put --level causal --session s k w
  [ "$(on b chordctl get -w 10 --level causal --session s k)" = w ]
  on m chordctl rm k
  run -1 on n chordctl get k
  printf '{"key":"batch/%d","value":"v"}\n' $(seq 100) | on n chordctl put --batch
  [ "$(on m chordctl keys batch/ | wc -l)" -eq 100 ]
  [ "$(on m chordctl dump batch/ | on n chordctl --ring other load && on n chordctl --ring other keys | wc -l)" -eq 100 ]
  run -0 on m chordctl ring --check
  [[ ${lines[0]} == "ring main: 5 hosts, 3 copies of each key" ]]
  run -0 on m chordctl status
  [[ ${lines[0]} == "ring main: 5 hosts, 3 copies of each value, here in zone y:" ]]
  [ "$(on m chordctl lookup --trace --json large | tail -n 1 | jq .answered)" = true ]
  run -0 on m chordctl fingers n
  run -0 on a chordctl fingers m
}

@test "copies are in distinct zones, and ring, lookup and status tell which" {
  for i in $(seq 40); do
    [ "$(on a chordctl lookup "$i" | cut -f 3 | sort | tr -d '\n')" = xyz ]
  done
  [ "$(on n chordctl lookup --json 1 | jq -r .zone | sort | tr -d '\n')" = xyz ]
  [ "$(on a chordctl ring | sed 1,2d | cut -f 1,5 | sort | tr '\t\n' '= ')" = "a=x b=x c=y m=y n=z " ]
  [ "$(on a chordctl ring --json | jq -r '[.host, .zone] | join("=")' | sort -u | tr '\n' ' ')" = "a=x b=x c=y m=y n=z " ]
  [ "$(on n chordctl status --json | jq -r .zone)" = z ]
}

@test "a watch at any host tells changes of all keys of the ring" {
  on n chordctl watch w/ >told 3>&- &
  watch=$!
  is_told() { on a chordctl put w/first v && sleep 0.1 && grep -q "w/first" told; }
  eventually is_told
  for i in $(seq 15); do on c chordctl put "w/$i" v; done
  on m chordctl rm w/3
  all_are_told() { [ "$(cut -f 2,3 told | grep -c '^put	w/[0-9]')" -eq 15 ] && grep -q '	rm	w/3	' told; }
  eventually all_are_told
  [ "$(cut -f 2,3 told | grep '^put	w/[0-9]' | sort -u | wc -l)" -eq 15 ]
  kill "$watch"
}

@test "a host without a vote is killed: the ring goes on, it is missed, and comes back as the member that it was" {
  on m chordctl put before 1
  signal_peer KILL n
  eventually peer_gone n
  for i in $(seq 20); do on m chordctl put "killed/$i" v; done
  run -3 on a chordctl ring --check
  member n "${spare[1]}" b -- "${calm[@]}" --zone z
  eventually checks n
  [ "$(on n chordctl get before)" = 1 ]
  for i in $(seq 20); do [ "$(on n chordctl get "killed/$i")" = v ]; done
  [ "$(on a chordctl ring | wc -l)" -eq 7 ]
}

@test "a host is moved to another zone and gets more places: join there brings the ring up to date, and its keys stay" {
  printf '{"key":"moved/%d","value":"v"}\n' $(seq 60) | on a chordctl put --batch
  signal_peer KILL n
  eventually peer_gone n
  member n "${spare[1]}" b -- "${calm[@]}" --zone y
  complains() { on "$1" chordctl ring --check 2>&1 | grep -q 'n stands in zone y, and is placed as in z: `chordctl join` there'; }
  eventually complains n
  eventually complains a
  stored() { sqlite3 "file:$group/n/ring.db?mode=ro" "select distinct hex(ring) from entries where hex(ring) like '00%'"; }
  ! command -v sqlite3 >/dev/null || before=$(stored)
  on n chordctl join -w 60
  of_n() { on a chordctl ring | awk -F'\t' '$1 == "n" { print $2, $5 }'; }
  [ "$(of_n)" = "8 places y" ]
  eventually checks a
  on n chordctl join --vnodes 20 -w 60
  [ "$(of_n)" = "20 places y" ]
  on n chordctl join -w 60 # as it is: nothing is changed
  [ "$(of_n)" = "20 places y" ]
  ! command -v sqlite3 >/dev/null || [ "$(stored)" = "$before" ]
  for peer in a n m; do [ "$(on "$peer" chordctl keys moved/ | wc -l)" -eq 60 ]; done
  for i in $(seq 1 10 60); do [ "$(on n chordctl get "moved/$i")" = v ]; done
  eventually checks n
}

@test "the group does not let go of a host with copies; it leaves, what it kept goes, and its own ring is there again" {
  run -69 on a dpeers remove m
  [[ $output == *"m has copies of the keys of ring "*"\`chordctl leave\` there"* ]]
  on a chordctl put stays 1
  on m chordctl leave
  [ "$(on m chordctl get own)" = kept ]
  [ "$(on m chordctl keys)" = own ]
  kept() { [ "$(sqlite3 "file:$group/m/ring.db?mode=ro" "select count(*) from entries where hex(ring) like '00%'")" -eq 0 ]; }
  ! command -v sqlite3 >/dev/null || eventually kept
  [ "$(on n chordctl get stays)" = 1 ]
  on m chordctl join
  [ "$(on m chordctl get stays)" = 1 ]
}
