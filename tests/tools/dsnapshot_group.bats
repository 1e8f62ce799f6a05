#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# Snapshots of the group itself as a shell user takes them: cold on one host, and of three peers of which one stops.
bats_require_minimum_version 1.5.0
load peer_helpers
load member_helpers

setup() {
  cd "$BATS_TEST_TMPDIR"
  export LC_ALL=C
}

teardown() {
  end_jobs TERM
  [ -z "${group-}" ] || stop_group
  stop_members
  [ -z "${XDG_RUNTIME_DIR-}" ] || [[ $XDG_RUNTIME_DIR != "$BATS_TEST_TMPDIR"/* ]] || stop_own_host
}

at_level_two() { on "$1" dpeers --json | jq -e -s 'all(.level >= 2)' >/dev/null; }
three_peers() {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  start_group "${calm[@]}"
  eventually at_level_two a
}
is_held() { on "$1" dlock --list --json "$2" | jq -e '.holders | length > 0' >/dev/null; }

@test "cold, nothing configured: one private peer, with what it holds" {
  own_host
  run dsnapshot
  [ "$status" -eq 0 ]
  [[ ${lines[0]} == 'snapshot '*' of the group, '*': complete' ]]
  [ "$(grep -c ' leader ' <<<"$output")" -eq 1 ]
  dlock backup sleep 1000 3>&- &
  eventually own_is_held
  dsnapshot -o one.jsonl
  jq -e -s '.[1].type == "peer" and .[1].holds[0].names == ["backup"] and .[1].holds[0].token > 0' one.jsonl
  jq -e -s '.[0] | .type == "snapshot" and .complete and .missing == [] and .schema == 1 and (.at | endswith("Z"))' one.jsonl
  [ "$(dsnapshot check one.jsonl)" = 'consistent: 1 peer, 0 messages on the way' ]
  [[ $(dsnapshot show one.jsonl) == *backup* ]]
  dsnapshot draw one.jsonl >/dev/null
}
own_is_held() { dlock --list --json backup | jq -e '.holders | length > 0' >/dev/null; }

@test "three peers: all their states and links, consistent, on one screen" {
  three_peers
  on b dlock backup sleep 1000 3>&- &
  eventually is_held b backup
  for i in 1 2 3 4 5 6 7 8 9 10; do
    on a dsnapshot --json >s.jsonl
    dsnapshot check -q s.jsonl
  done
  jq -e -s 'map(select(.type == "peer")) | length == 3 and (map(.role) | sort == ["follower", "follower", "leader"])' s.jsonl
  jq -e -s 'map(select(.type == "peer")) | all(.holds[0].names == ["backup"] and (.members | length == 2) and .term > 0)' s.jsonl
  jq -e -s 'map(select(.type == "link")) | length == 6 and all(.marked and (.messages | type == "object") and .from != .to)' s.jsonl
  run on c dsnapshot
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -le 24 ]
  [ "$(wc -L <<<"$output")" -le 80 ]
  [[ $output == *backup* ]]
  dsnapshot draw --svg - s.jsonl | grep -q 'class="cut"'
}

@test "a peer that is stopped: the rest is shown, incomplete, 1, named; in the time given" {
  three_peers
  signal_peer STOP c
  local began=$SECONDS
  run on a dsnapshot -w 1
  [ "$status" -eq 1 ]
  [ $((SECONDS - began)) -le 15 ]
  [[ ${lines[0]} == *': INCOMPLETE: '*'c: no answer'* ]]
  [ "$(grep -c ' leader \| follower \| candidate ' <<<"$output")" -ge 2 ]
  run --separate-stderr on a dsnapshot -w 1 --json
  [ "$status" -eq 1 ]
  [[ $stderr == *'is incomplete: c: no answer'* ]]
  printf '%s\n' "$output" >s.jsonl
  jq -e -s '.[0].complete == false and (.[0].missing | index("c") != null)' s.jsonl
  run dsnapshot check s.jsonl
  [ "$status" -eq 3 ]
  [[ $output == *': incomplete: c: no answer'* ]]
  signal_peer CONT c
  eventually on a dsnapshot -o s.jsonl
  dsnapshot check -q s.jsonl
}

@test "a peer that is gone is unreachable, and not waited for to the end" {
  three_peers
  signal_peer KILL c
  eventually peer_gone c
  eventually c_is_dead
  run on a dsnapshot -w 600
  [ "$status" -eq 1 ]
  [[ ${lines[0]} == *'c: unreachable'* ]]
}
c_is_dead() { on a dsnapshot -w 1 --json 2>/dev/null | jq -e -s '.[0].why == ["unreachable"]' >/dev/null; }

whole_of() { # HOST NAMES
  on "$1" dsnapshot --json >whole.jsonl || return
  [ "$(jq -r 'select(.type == "peer") | .name' whole.jsonl | sort | tr -d '\n')" = "$2" ] || return
  jq -e -s --arg names "$2" '($names | length) as $n | map(select(.type == "link")) | length == $n * ($n - 1)' whole.jsonl >/dev/null || return
  dsnapshot check -q whole.jsonl
}
sends_on() { run -69 on "$1" dsnapshot && [[ $output == *"this host does not vote: ask on one of $2"* ]]; } # HOST NAMES

@test "a snapshot is of the hosts that vote now, whoever founded the group, and each of them takes one" {
  three_peers
  read -r -a spare < <(free_ports 2)
  member m "${spare[0]}" a -- "${calm[@]}"
  sends_on m 'a, b, c'
  run -0 on a dpeers promote m -w 20
  for name in m a b c; do eventually whole_of $name abcm; done
  member d "${spare[1]}" a -- "${calm[@]}"
  eventually whole_of a abcm
  run -0 on a dpeers replace c d -w 20
  for name in d a m; do eventually whole_of $name abdm; done
  eventually sends_on c 'a, b, d, m'
  signal_peer KILL c
  eventually peer_gone c
  eventually whole_of a abdm
  run -0 on a dpeers remove m -w 20
  for name in a d; do eventually whole_of $name abd; done
  eventually sends_on m 'a, b, d'
}

@test "each message is for root only" {
  own_host
  if [ "$(id -u)" -eq 0 ]; then
    dsnapshot --messages --json | jq -e -s '.[0].complete'
  else
    run dsnapshot --messages
    [ "$status" -eq 64 ]
    [[ $output == 'dsnapshot: --messages: each message is for root only: '* ]]
  fi
}

@test "an old group takes none, and says so; options of the group do not go with commands" {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  start_peer a "${calm[@]}"
  eventually answers a
  run on a dsnapshot
  [ "$status" -eq 69 ]
  [[ $output == 'dsnapshot: this host'"'"'s peer: the group is at level 1: '* ]]
  run dsnapshot -w 3 check x
  [ "$status" -eq 64 ]
  run dsnapshot check -w 3 x
  [ "$status" -eq 64 ]
}
answers() { on "$1" dpeers --json >/dev/null 2>&1; }
