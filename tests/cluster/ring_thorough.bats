#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A ring of eight hosts of which three are cut off for ten minutes, and then all that scripts/test-ring does: `ctest -C thorough`.
bats_require_minimum_version 1.5.0

@test "a minority is cut off for ten minutes, and then hosts are killed, stopped, cut off, and join: nothing acknowledged is lost" {
  run -0 "$COORD_SOURCE/scripts/test-ring" --built "$(dirname "$(dirname "$(command -v coordd)")")" --seconds 900 --cut 600
  echo "$output" >&3
}
