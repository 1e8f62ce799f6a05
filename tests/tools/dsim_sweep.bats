#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Every protocol that dsim knows, in runs with the faults that it promises to stand.
# labels: release

load traps

@test "sweep: every protocol stands what it promises" {
  for protocol in $(dsim list --protocols | awk 'NR > 1 { print $1 }'); do
    echo "protocol: $protocol"
    dsim sweep "$protocol" --seeds 100 >"$BATS_TEST_TMPDIR/swept" || { cat "$BATS_TEST_TMPDIR/swept"; return 1; }
    # What faults hardly bring about is brought about on purpose, each of these in some run.
    [ "$protocol" != ring-copies ] ||
      [ "$(grep -cE '^  (chain is followed|hint is no copy|removal waits for a disk): ' "$BATS_TEST_TMPDIR/swept")" -eq 3 ]
  done
}

@test "the same seed gives the same bytes, another seed others" {
  for protocol in $(dsim list --protocols | awk 'NR > 1 { print $1 }'); do
    echo "protocol: $protocol"
    [ "$(dsim run "$protocol" --seed 3 --trace)" = "$(dsim run "$protocol" --seed 3 --trace)" ]
    [ "$(dsim run "$protocol" --seed 3 --trace)" != "$(dsim run "$protocol" --seed 4 --trace)" ]
  done
}

@test "of every protocol at least three mistakes are planted, and caught" {
  for protocol in $(dsim list --protocols | awk 'NR > 1 { print $1 }'); do
    echo "protocol: $protocol"
    caught=$(awk -v name="$protocol" '/^[a-z]/ && ("," $3 ",") ~ ("," name ",")' "$COORD_SOURCE/tests/mutants/rules.txt" | wc -l)
    [ "$caught" -ge 3 ]
  done
}
