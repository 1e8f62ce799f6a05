#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dpeers over three peers, and while some of them are away.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  export COORD_SOCKET=$group/a.sock
}

teardown() { stop_group; }

role_of() { dpeers --json | jq -r --arg name "$1" 'select(.name == $name) | .role'; }
state_of() { dpeers --json | jq -r --arg name "$1" 'select(.name == $name) | .state'; }
is_state() { [ "$(state_of "$1")" = "$2" ]; }

@test "every field of the contract, for this peer and for the others" {
  start_group "${calm[@]}"
  run -0 dlock job true
  measured() { dpeers --json | jq -se 'map(select(.local | not)) | all(.rtt_s != null and .version != null)'; }
  eventually measured
  run -0 dpeers --json
  [ "${#lines[@]}" -eq 3 ]
  [ "$(jq -r .name <<<"$output" | tr -d '\n')" = abc ]
  jq -se --arg a "$(cut -d, -f1 "$group/peers" | cut -d= -f2)" '
    all(.schema == 1 and .state == "alive" and .voter == true and (.as_of | test("Z$")) and (.since | test("Z$"))
      and (.role | IN("leader", "follower")))
    and (map(select(.role == "leader")) | length) == 1
    and (map(select(.local)) | length) == 1
    and (.[0] | .local and .name == "a" and .address == $a and .term >= 1 and .commit_index >= 1 and .uptime_s > 0
      and .sessions == 0 and .locks == 0 and (.version | length) > 0 and (.sent | length) > 0 and (.received | length) > 0)
    and (.[1] | (.local | not) and .rtt_s > 0 and .rtt_s < 5 and (has("sent") | not))' <<<"$output"
  run -0 dpeers
  [ "${#lines[@]}" -eq 4 ]
  [[ ${lines[0]} =~ ^NAME\ +ADDRESS\ +ROLE\ +STATE\ +FOR\ +RTT\ +LEVEL\ +VERSION\ +SCOPE$ ]]
  [[ ${lines[1]} == "a (here)"* ]]
  [ "$(on b dpeers --json | jq -r 'select(.local) | .name')" = b ]
}

@test "a new group is at the newest level by itself; each peer shows it" {
  start_group "${calm[@]}"
  all_at_2() { dpeers --json | jq -se 'length == 3 and all(.level == 2)'; }
  eventually all_at_2
  run -0 dpeers level
  [ "$output" = "the group is at level 2" ]
  dpeers level --json | jq -e '.schema == 1 and .level == 2 and .next == 2 and .missing == [] and (.as_of | test("Z$"))'
  run -0 dpeers level --raise
  run -0 dpeers level -q
  [ -z "$output" ]
  run -64 dpeers --raise
  [ "$output" = "dpeers: --raise: is for \`dpeers level\`: give level before it" ]
}

@test "cold: the peer that dpeers itself has started is shown when it leads, not as one that recovers" {
  unset COORD_SOCKET COORD_CONFIG COORD_SCOPE COORD_AUTOSTART XDG_STATE_HOME XDG_CONFIG_HOME
  for i in 1 2 3 4 5; do
    export HOME="$BATS_TEST_TMPDIR/home$i" XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/run$i"
    mkdir -m 700 "$HOME" "$XDG_RUNTIME_DIR"
    told=$(dpeers --json)
    stop_own_host
    jq -e '.state == "alive" and .role == "leader" and .scope == "private"' <<<"$told"
  done
}

@test "sessions and locks are counted" {
  start_group "${calm[@]}"
  hold a x,y
  dpeers --json | jq -se '.[0] | .sessions == 1 and .locks == 2'
  release x,y
  wait $holder
}

@test "a hold that is lost because nothing is renewed is in the log and counted, though its wrapper was first" {
  start_group "${calm[@]}"
  hold a job
  on a dlock other true # let go of in time: no loss
  signal_peer STOP b
  signal_peer STOP c
  status=0
  wait "$holder" || status=$?
  [ "$status" = 75 ]
  lost() { grep -qE "info lost 'job' of $(id -un) \(pid $holder\): no renewal for too long: .*, token [0-9]+$" "$group/a.log"; }
  eventually lost
  [ "$(grep -c "info lost '" "$group/a.log")" = 1 ]
  dpeers --openmetrics | grep -qx 'coordutils_losses_total 1'
  signal_peer CONT b
  signal_peer CONT c
  eventually sees_leader a
  dlock -w 20 job true
  [ "$(grep -c "info lost '" "$group/a.log")" = 1 ]
  # The command in its tool's place, which nobody waits for but the peer.
  dlock -F --ttl 3 inplace sleep 600 3>&- &
  holder=$!
  held() { is_held a inplace; }
  eventually held
  signal_peer STOP b
  signal_peer STOP c
  wait "$holder" || true
  lost() { grep -q "info lost 'inplace' of " "$group/a.log"; }
  eventually lost
  signal_peer CONT b
  signal_peer CONT c
}

@test "a dead peer is seen to be dead, without a quorum too, and comes back alive" {
  start_group "${calm[@]}"
  signal_peer KILL c
  eventually is_state c dead
  [ "$(state_of b)" = alive ]
  signal_peer KILL b
  eventually is_state b dead
  no_leader() { [ -z "$(dpeers --json | jq -r 'select(.role == "leader") | .name')" ]; }
  eventually no_leader
  is_candidate() { [ -n "$(dpeers --json | jq -r 'select(.local and .role == "candidate") | .name')" ]; }
  eventually is_candidate
  start_peer b "${calm[@]}"
  start_peer c "${calm[@]}"
  eventually is_state b alive
  eventually is_state c alive
  eventually group_has_leader
}

@test "--check: one line with figures, and 0 to 3" {
  run -3 dpeers --check --socket "$BATS_TEST_TMPDIR/none"
  [[ $output == "COORDUTILS UNKNOWN - $BATS_TEST_TMPDIR/none: "* ]]
  [ "${#lines[@]}" -eq 1 ]
  start_group "${calm[@]}"
  eventually dpeers --check -q
  run -0 dpeers --check
  [[ $output =~ ^'COORDUTILS OK - 3 of 3 peers alive, '[abc]' leads | alive=3 peers=3 term='[0-9]+ ]]
  signal_peer KILL c
  eventually is_state c dead
  led() { [ "$(dpeers --json | jq -r 'select(.role == "leader").name' | wc -l)" -eq 1 ]; }
  eventually led
  run -1 dpeers --check
  [[ $output == "COORDUTILS WARNING - 2 of 3 peers alive, "?" leads: c is dead | alive=2 peers=3 "* ]]
  signal_peer KILL b
  not_led() { ! led; }
  eventually not_led
  run -2 dpeers --check
  [[ $output == "COORDUTILS CRITICAL - "*", nobody leads: nothing is granted"* ]]
  run -2 dpeers --check -q
  [ -z "$output" ]
  run -64 dpeers --check doctor
  run -64 dpeers --check --json
}

@test "a group that has not met yet: this peer is a recovering member" {
  start_peer a "${calm[@]}"
  eventually dpeers >/dev/null
  dpeers --json | jq -se '.[0] | .role == "member" and .state == "recovering" and .voter == false'
  run -69 dlock -n job true
}

@test "no peer, wrong options, closed output" {
  run -69 dpeers --socket "$BATS_TEST_TMPDIR/none"
  [ "${#lines[@]}" -eq 1 ]
  [[ $output == "dpeers: $BATS_TEST_TMPDIR/none: "*": "* ]]
  run -64 dpeers operand
  [ "${#lines[@]}" -eq 1 ]
  start_group "${calm[@]}"
  run -0 dpeers -q
  [ -z "$output" ]
  run -69 dpeers -q --socket "$BATS_TEST_TMPDIR/none"
  [ "${#lines[@]}" -eq 1 ]
  run -1 dpeers doctor -q --socket "$BATS_TEST_TMPDIR/none"
  [ -z "$output" ]
  run -64 dpeers -q --json
  [ "$(bash -c 'dpeers >/dev/full 2>/dev/null; echo $?')" -eq 74 ]
  [ "$(bash -c 'dpeers --json >&- 2>/dev/null; echo $?')" -eq 74 ]
}
