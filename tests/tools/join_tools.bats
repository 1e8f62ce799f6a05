#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What is told to a tool on a host without a vote unasked: a break, a change, the end of a leadership, a deadlock.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers
load member_helpers

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  new_group "$BATS_TEST_TMPDIR/group" a b c
  read -r -a spare < <(free_ports 2)
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  member n "${spare[1]}" b
}

teardown() {
  end_jobs KILL
  stop_group
  stop_members
}

lines_seen() { [ "$(wc -l <"$1")" -ge "$2" ]; }

@test "--break: what a member holds is broken from a voter's host, and the reverse" {
  hold m job --ttl 10 --grace 0.5
  run -0 on a dlock --break job --yes
  ended_with "$holder" 75
  gone "$command"
  run -0 on a dlock -n job true
  hold a other --ttl 10 --grace 0.5
  run -0 on m dlock --break other --yes
  ended_with "$holder" 75
  gone "$command"
  run -0 on m dlock -n other true
  run -1 on m dlock --break other --yes
}

@test "dkv watch: each change on another host is seen" {
  on a dkv put key one
  COORD_SOCKET=$group/m.sock dkv watch key >seen 3>&- &
  eventually lines_seen seen 1
  on n dkv put key two
  eventually lines_seen seen 2
  on a dkv rm key
  eventually lines_seen seen 3
  [ "$(cut -d' ' -f2- seen | sed -n 1,2p | tr '\n' ' ')" = 'one two ' ]
  [ "$(sed -n 3p seen)" = 0 ]
}

@test "delect: a leader is told to end by its own host, by another one, and by a candidate that comes first" {
  # Leads on m until it is told to end. Sets leader.
  lead() {
    rm -f led
    COORD_SOCKET=$group/m.sock delect --priority 1 job -- sh -c 'echo $$ >led; exec sleep 600' 2>errors 3>&- &
    leader=$!
    eventually is_file led
  }
  has_ended() { ended_with $leader 75 && gone "$(cat led)"; }
  lead
  run -1 on a delect --resign job
  [[ $output == *"led on another host"* ]]
  run -0 on m delect --resign job
  has_ended
  lead
  run -0 on a delect --evict --yes job
  has_ended
  lead
  run -0 on n delect --priority 2 --preempt -w 20 job -- sh -c 'kill -0 "$(cat led)" 2>/dev/null || echo alone'
  [[ $output == *alone* ]]
  has_ended
}

@test "slots and shared locks are counted over hosts with and without a vote" {
  hold m two --slots 2
  first=$holder
  COORD_SOCKET=$group/n.sock dlock --slots 2 two -- sleep 600 3>&- &
  eventually is_held a two 2
  for name in a m n; do run -1 on $name dlock -n --slots 2 two true; done
  release two
  wait "$first"
  eventually on a dlock -n --slots 2 two true
  hold m read -s
  for name in a m n; do
    run -0 on $name dlock -n -s read true
    run -1 on $name dlock -n read true
  done
  release read
  wait "$holder"
  run -0 on n dlock -n read true
}

@test "two members in each other's way: the younger wait ends with status 1 and the cycle, the other goes on" {
  mkfifo go1 go2
  on m dlock d1 -- sh -c 'echo >in1; read line <go1; dlock d2 echo through' >out1 2>&1 3>&- &
  first=$!
  on n dlock d2 -- sh -c 'echo >in2; read line <go2; dlock d1 echo never; echo status $?' >out2 2>&1 3>&- &
  second=$!
  eventually is_file in1
  eventually is_file in2
  echo >go1
  eventually waits_for a d2
  echo >go2
  wait $second
  wait $first
  [ "$(cat out1)" = through ]
  [ "$(tail -n 1 out2)" = "status 1" ]
  grep -q '^dlock: d1: deadlock: this waits for d1, held by ' out2
}
