# SPDX-License-Identifier: MIT
# For files whose tests share one group of three peers, a, b and c: the tests run on a's host. `load shared_group`; a file
# that needs something else of these functions defines it after that.
load peer_helpers

setup_file() {
  new_group "$BATS_FILE_TMPDIR/g" a b c
  start_group "${calm[@]}"
}

teardown_file() {
  use_group "$BATS_FILE_TMPDIR/g"
  stop_group
}

setup() {
  use_group "$BATS_FILE_TMPDIR/g"
  export COORD_SOCKET=$group/a.sock
  cd "$BATS_TEST_TMPDIR"
}

teardown() { end_jobs TERM; }
