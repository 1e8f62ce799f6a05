#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: slow upgrade
# Beside the programs of release 0.1.0, which are built once, in minutes: `scripts/test-upgrade` does it. Where they are not
# there this is skipped.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  old=${COORD_OLD_BUILD:-$COORD_SOURCE/build/v0.1.0}
  [ -x "$old/bin/coordd" ] || skip "no programs of 0.1.0: run scripts/test-upgrade once"
  [ -z "$COORD_SANITIZE" ] || skip "in the other builds"
  export COORD_AUTOSTART=no
}

teardown() { [ -z "${alone:-}" ] || kill "$alone" || true; }

# start_alone BIN: a peer of that release, alone, at ./sock
start_alone() {
  mkdir -p "$BATS_TEST_TMPDIR/state"
  "$1/coordd" --name alone --state-dir "$BATS_TEST_TMPDIR/state" --socket "$BATS_TEST_TMPDIR/sock" </dev/null >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
  alone=$!
  disown
  export COORD_SOCKET=$BATS_TEST_TMPDIR/sock
  eventually test -S "$COORD_SOCKET"
}

@test "a group is upgraded peer by peer under load, taken back before the level is raised, kept after" {
  run -0 "$COORD_SOURCE/scripts/test-upgrade" --old "$old" --new "$COORD_BUILD"
  [[ $output == *"all held" ]]
}

@test "tools of this release at a peer of 0.1.0 do without, or say 69 with words" {
  mkdir "$BATS_TEST_TMPDIR/state"
  start_alone "$old/bin"
  run -0 dlock job echo ran
  [ "$output" = ran ]
  run -0 dpeers --json
  [ "$(jq -r '.name + .version + (.level | tostring)' <<<"$output")" = alone0.1.01 ]
  run -69 dpeers level
  [ "$output" = "dpeers: level: this host's peer is of release 0.1.0, which knows level 1 only: start coordd of this release" ]
}

@test "tools of 0.1.0 at a peer of this release work as they did" {
  mkdir "$BATS_TEST_TMPDIR/state"
  start_alone "$COORD_BUILD/bin"
  run -0 "$old/bin/dlock" job echo ran
  [ "$output" = ran ]
  run -0 "$old/bin/dpeers" --json
  [ "$(jq -r .name <<<"$output")" = alone ]
}

@test "a private peer with the state of 0.1.0 goes on to the newest level when it ends idle, not before" {
  export COORD_SOCKET=$BATS_TEST_TMPDIR/sock
  # start_private BIN IDLE_SECONDS
  start_private() {
    "$1/coordd" --private --idle-exit "$2" --state-dir "$BATS_TEST_TMPDIR/state" --socket "$COORD_SOCKET" \
      </dev/null >>"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
    alone=$!
    disown
    eventually dpeers -q
  }
  ended() { ! kill -0 "$alone" 2>/dev/null; }
  level() { dpeers level --json | jq .level; }
  mkdir -m 700 "$BATS_TEST_TMPDIR/state"
  start_private "$old/bin" 60
  run -0 "$old/bin/dlock" job echo ran
  kill "$alone"
  eventually ended
  start_private "$COORD_BUILD/bin" 1
  [ "$(level)" = 1 ]
  eventually ended
  start_private "$COORD_BUILD/bin" 60
  [ "$(level)" = 2 ]
  run -0 dlock job echo again
  [ "$output" = again ]
}

@test "-n at a peer that has only just begun, where tool or peer is of 0.1.0" {
  for turn in 1 2 3; do
    start_alone "$old/bin"
    run -0 dlock -n job echo ran
    kill "$alone"
    eventually gone "$alone"
    rm -rf "$BATS_TEST_TMPDIR/state" "$COORD_SOCKET"
    start_alone "$COORD_BUILD/bin"
    run -0 "$old/bin/dlock" -n job echo ran
    kill "$alone"
    eventually gone "$alone"
    rm -rf "$BATS_TEST_TMPDIR/state" "$COORD_SOCKET"
  done
}

# every_way BIN: each way to hold, with that release's tools.
every_way() {
  local bin=$1
  run -0 "$bin/dlock" job "$bin/dlock" -n job echo nested
  [ "$output" = nested ]
  run -0 "$bin/dlock" -F job echo replaced
  [ "$output" = replaced ]
  sleep 31 3>&- &
  run -0 "$bin/dlock" --acquire --pid $! job
  run -1 "$bin/dlock" -n job true
  run -0 "$bin/dlock" --release --pid $! job
  kill $!
  run -0 "$bin/dlock" -n job true
  run -0 "$bin/delect" -w 9 led echo leads
  [ "$output" = leads ]
  run -0 "$bin/dbarrier" -n 1 gate echo passed
  [ "$output" = passed ]
  "$bin/dlock" job sh -c "echo >$BATS_TEST_TMPDIR/runs; sleep 30" 3>&- &
  eventually test -e "$BATS_TEST_TMPDIR/runs"
  kill -9 $! # its command goes on, and holds
  run -1 "$bin/dlock" -n job true
  pkill -xf "sleep 30"
  eventually "$bin/dlock" -n job true
}

@test "every way to hold, by tools of either release at a peer of the other one" {
  start_alone "$old/bin"
  every_way "$COORD_BUILD/bin"
  kill "$alone"
  eventually gone "$alone"
  rm -rf "$BATS_TEST_TMPDIR/state" "$BATS_TEST_TMPDIR/runs" "$COORD_SOCKET"
  start_alone "$COORD_BUILD/bin"
  every_way "$old/bin"
}

@test "in a container: a tool of 0.1.0 is refused in words; at a peer of 0.1.0 a tool names no process of its own numbers" {
  unshare -pf --mount-proc true 2>/dev/null || skip "no PID namespaces here"
  start_alone "$COORD_BUILD/bin"
  run -69 unshare -pf --mount-proc --kill-child -- "$old/bin/dlock" job true
  [[ $output == *"no command can be guarded: this tool is in another PID namespace, and of a release that cannot show its processes there: install the peer's"* ]]
  kill "$alone"
  eventually gone "$alone"
  rm -rf "$BATS_TEST_TMPDIR/state" "$COORD_SOCKET"
  start_alone "$old/bin"
  run -0 unshare -pf --mount-proc --kill-child -- "$COORD_BUILD/bin/dlock" job echo ran
  [ "$output" = ran ]
  run ! unshare -pf --mount-proc --kill-child -- sh -c '"$0/dlock" --acquire --pid $$ job' "$COORD_BUILD/bin"
}
