#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# What scripts that came from flock(1), or that read reports and histories, rely on; over a private peer.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  own_host
  cd "$BATS_TEST_TMPDIR"
}

teardown() { stop_own_host; }

@test "--command is -c, as with flock" {
  [ "$(dlock job --command 'echo a b | tr a-z A-Z')" = 'A B' ]
  [ "$(dlock --fence file --token 1 --command 'echo fenced')" = fenced ]
  run -64 dlock job --command
  run -64 dlock job --command 'echo a' b
  [[ $output == "dlock: --command: takes one argument: "* ]]
}

@test "--verbose tells how long it took to get the lock" {
  dlock warm true
  run -0 dlock --verbose job true
  [[ $output =~ ^dlock:\ job:\ acquired\ after\ [0-9.]+\ s\ under\ token\ [0-9]+$ ]]
}

@test "--report: 126 and 127 are told, and a hold" {
  run -127 dlock --report r job no-such-command-anywhere
  jq -e '.outcome == "ran" and .exit_status == 127 and .signal == null and .hold_s >= 0' r
  run -126 dlock --report r job /etc/passwd
  jq -e '.outcome == "ran" and .exit_status == 126' r
  run -127 dlock --report r --rate 5/1 permits no-such-command-anywhere
  jq -e '.outcome == "ran" and .exit_status == 127' r
}

@test "--report: a refused command line is one, whatever an earlier report said" {
  for wrong in '-w soon job true' '--wobble job true' 'a,,b true' job '-s -x job true' '--ttl 10 --grace 9 job true' '-F job true' \
    '--acquire job'; do
    dlock --report r job true
    jq -e '.outcome == "ran"' r
    # shellcheck disable=SC2086  # several words
    run -64 dlock --report r $wrong
    jq -e '.schema == 1 and .outcome == "usage" and .token == null and .exit_status == null' r
  done
  dlock --report r job true
  run -64 dlock -w soon --report r job true
  jq -e '.outcome == "usage"' r
  rm r
  run -64 dlock --wobble job tool --report r # the tool's own
  [ ! -e r ]
}

@test "--report: what never reached a peer has sent nothing" {
  run -69 dlock --report r --socket "$PWD/none" job true
  jq -e '.outcome == "no_quorum" and .messages == {} and .token == null' r
}

@test "an option that would be ignored is refused, and an empty path" {
  for wrong in '--list -n' '--history job -w 1' '--waits --ttl 3' '--check job --token 1 -s' '--break job --yes --report r' \
    '--release job -E 3' '--fence file --token 1 --join true'; do
    # shellcheck disable=SC2086  # several words
    run -64 dlock $wrong
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "dlock: "*": cannot be combined with "*": "* ]]
  done
  for option in --report --socket --config; do
    run -64 dlock $option '' job true
    [ "$output" = "dlock: $option: is empty: give a path, or leave it out" ]
  done
}

@test "--history: a command in dlock's own place has released when it ends" {
  run -0 dlock -F job true
  ended() { [ "$(dlock --history --json job | jq -r .outcome)" = "$1" ]; }
  eventually ended released
}

@test "the very first lock on a terminal is as quiet as any" {
  [ "$(script -qec 'dlock job echo done' /dev/null | tr -d '\r')" = done ]
}

@test "--break of what only --min-hold keeps shut breaks nothing, and says so" {
  run -0 dlock --min-hold 20 job true
  run -1 dlock --break job --yes
  [ "$output" = "dlock: job: its holder has gone, --min-hold or --lock-delay keeps it shut: look with --list" ]
  run -1 dlock -n job true
}

@test "too few descriptors: one line that says which limit" {
  run -0 dlock job true # starts the peer
  for count in 5 6 7; do
    run bash -c "ulimit -n $count; dlock job true"
    [[ $output != *"error while loading shared libraries"* ]] || continue # a sanitizer's, before dlock begins
    [ "$status" -eq 0 ] || [[ $output == "dlock: "*"(ulimit -n)" ]]
    [ "$status" -eq 0 ] || [ "${#lines[@]}" -eq 1 ]
  done
  run -0 dlock -n job true
}

@test "-w is over in time also where the peer is frozen" {
  run -0 dlock job true
  frozen=$(pgrep -f -- "--socket $XDG_RUNTIME_DIR/")
  stop_process "$frozen"
  begin=$(now_us)
  run -69 dlock -w 1 job true
  waited=$(($(now_us) - begin))
  kill -CONT "$frozen"
  [ $waited -ge 990000 ]
  [ $waited -lt 3000000 ]
  [[ $output == "dlock: "*": the peer does not answer: "* ]]
}
