#!/usr/bin/env bats
# labels: slow upgrade
# A group of release 0.1.0 is upgraded peer by peer, taken back, and raised (scripts/test-upgrade). The programs of 0.1.0 are
# built once, in minutes: `scripts/test-upgrade` does it. Where they are not there this is skipped.
bats_require_minimum_version 1.5.0

@test "upgraded peer by peer under load, taken back before the level is raised, refused after" {
  old=${COORD_OLD_BUILD:-$COORD_SOURCE/build/v0.1.0}
  [ -x "$old/bin/coordd" ] || skip "no programs of 0.1.0: run scripts/test-upgrade once"
  [ -z "$COORD_SANITIZE" ] || skip "in the other builds"
  run -0 "$COORD_SOURCE/scripts/test-upgrade" --old "$old" --new "$COORD_BUILD"
  [[ $output == *"all held" ]]
}
