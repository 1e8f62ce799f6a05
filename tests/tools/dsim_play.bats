#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The scenarios: each tells and draws what it did when it was last looked at. A change that is meant:
#   export LC_ALL=C.UTF-8
#   for s in $(dsim list --scenarios | awk 'NR > 1 { print $1 }'); do
#     dsim play $s --width 80 >tests/tools/dsim/$s.txt; dsim play $s --trace >tests/tools/dsim/$s.trace; done
# labels: release

load traps

setup() { export LC_ALL=C.UTF-8; }

scenarios() { dsim list --scenarios | awk 'NR > 1 { print $1 }'; }

@test "every scenario has its golden drawing and trace" {
  for scenario in $(scenarios); do
    echo "scenario: $scenario"
    diff "$COORD_SOURCE/tests/tools/dsim/$scenario.txt" <(dsim play "$scenario" --width 80)
    diff "$COORD_SOURCE/tests/tools/dsim/$scenario.trace" <(dsim play "$scenario" --trace)
  done
}

@test "every drawing fits 80 columns, with and without box characters, and is a picture too" {
  for scenario in $(scenarios); do
    echo "scenario: $scenario"
    [ "$(dsim play "$scenario" --width 80 | LC_ALL=C.UTF-8 wc -L)" -le 80 ]
    ! dsim play "$scenario" --ascii --width 80 | sed '/^$/,$d' | LC_ALL=C grep -q '[^ -~]'
    [ "$(LC_ALL=C dsim play "$scenario" --width 80)" = "$(dsim play "$scenario" --ascii --width 80)" ]
    dsim play "$scenario" --svg "$BATS_TEST_TMPDIR/picture.svg"
    python3 -c 'import sys, xml.dom.minidom as m; assert m.parse(sys.argv[1]).documentElement.tagName == "svg"' \
      "$BATS_TEST_TMPDIR/picture.svg"
    grep -q 'prefers-color-scheme: dark' "$BATS_TEST_TMPDIR/picture.svg"
  done
}

@test "the barrier's figures, and the mutex's" {
  run dsim play barrier-stragglers
  [[ $output == *"435 ms in all"* && $output == *"Node 5 arrives last"* && $output == *"Efficiency 56.5 %"* ]]
  run dsim play mutex-contention
  [[ $output == *"36 messages for 3 entries"* ]]
}

@test "draw: the tree of the first operation, whichever else ran beside it" {
  for protocol in echo tree-cast ghs; do
    echo "protocol: $protocol"
    dsim draw "$protocol" --tree -n 7 >"$BATS_TEST_TMPDIR/tree"
    [ "$(tr -dc '0-9\n' <"$BATS_TEST_TMPDIR/tree" | sort -n | tr '\n' ' ')" = "1 2 3 4 5 6 7 " ]
    [ "$(grep -c '^[0-9]' "$BATS_TEST_TMPDIR/tree")" -eq 1 ]
    dsim draw "$protocol" --tree -n 7 --svg "$BATS_TEST_TMPDIR/tree.svg"
    [ "$(grep -o '<line class="edge"' "$BATS_TEST_TMPDIR/tree.svg" | wc -l)" -eq 6 ]
  done
}

@test "run: by default every protocol has links that it stands, and keeps what it promises" {
  for protocol in $(dsim list --protocols | awk 'NR > 1 { print $1 }'); do
    echo "protocol: $protocol"
    dsim run "$protocol" >/dev/null
  done
}

@test "draw: any run, and what cannot be drawn is said" {
  dsim draw maekawa --gantt --ops 6 | grep -q inside
  [ "$(dsim draw lamport --ops 2 --svg - | head -c 4)" = "<svg" ]
  dsim draw ricart-agrawala --ops 2 | grep -q '◀'
  run dsim draw lamport --tree
  [ "$status" -eq 64 ]
  [[ $output == *"nothing to draw"* ]]
  run dsim draw lamport --svg /dev/full
  [ "$status" -eq 74 ]
  run dsim play nothing
  [ "$status" -eq 64 ]
}

@test "the man page has every protocol and every scenario" {
  for name in $(dsim list --protocols | awk 'NR > 1 { print $1 }') $(scenarios); do
    echo "$name"
    sed -n '/^# PROTOCOLS/,/^# HISTORIES/p' "$COORD_SOURCE/man/dsim.1.scd" | grep -qF "*$name*"
  done
}
