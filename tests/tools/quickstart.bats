#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The README's first command, with the programs that are built already: what it shows, and that nothing is left of it.
# labels: release
bats_require_minimum_version 1.5.0

setup() {
  export TMPDIR=$BATS_TEST_TMPDIR/tmp
  mkdir "$TMPDIR"
}

nothing_left() {
  [ -z "$(ls -A "$TMPDIR")" ]
  ! pgrep -f "$TMPDIR"
}

@test "quickstart: a leader is killed, no update is lost, nothing is left running" {
  run -0 timeout 90 "$COORD_SOURCE/scripts/quickstart" --built "$COORD_BUILD"
  echo "$output"
  [[ $output == *"== kill -9 the leading peer, "[abc]* ]]
  [[ $output == *" leads now, after "* ]]
  [[ $output == *"== who held the lock"*"script 1 on b  "*"#"*"== who waited how long"* ]]
  [ "${lines[-2]}" = "no two scripts held the lock at once" ]
  [ "${lines[-1]}" = "counter: 32 after 32 updates: none was lost" ]
  [ "$(wc -L <<<"$output")" -le 80 ]
  nothing_left
}

@test "quickstart: interrupted in the middle it leaves nothing running and says so by its status" {
  for signal in INT TERM; do
    out=$BATS_TEST_TMPDIR/out.$signal
    # A shell starts what is in the background with INT ignored, and bash then cannot trap it.
    env --default-signal=INT "$COORD_SOURCE/scripts/quickstart" --built "$COORD_BUILD" >"$out" 2>&1 3>&- &
    pid=$!
    for _ in $(seq 600); do
      grep -q 'kill -9' "$out" && break
      sleep 0.05
    done
    grep -q 'kill -9' "$out"
    kill -$signal $pid
    status=0
    wait $pid || status=$?
    echo "status $status"
    [ "$status" -eq $((128 + $(kill -l $signal))) ]
    nothing_left
  done
}

@test "quickstart: a tree without the programs, a wrong option" {
  run -1 --separate-stderr "$COORD_SOURCE/scripts/quickstart" --built "$BATS_TEST_TMPDIR"
  [[ $stderr == *"/bin: not there: name a build tree with --built" ]]
  run -64 --separate-stderr "$COORD_SOURCE/scripts/quickstart" --wobble
  [[ $stderr == "usage: "* ]]
}
