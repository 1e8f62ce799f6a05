#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A clone at another path finds in the compiler's cache what was compiled before, precompiled headers too.
# labels: slow
bats_require_minimum_version 1.5.0
load traps

# build_clone NAME: a copy of the sources, of which one library is built
build_clone() {
  mkdir "$1"
  tar -C "$COORD_SOURCE" --exclude=./build --exclude=./.git -c . | tar -C "$1" -x
  cmake -S "$1" -B "$1/build/x" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCOORD_UNITY=ON >"$1.log" 2>&1
  ninja -C "$1/build/x" coord_base >>"$1.log" 2>&1
}
hits_and_misses() {
  ccache --print-stats | awk '$1 == "direct_cache_hit" || $1 == "preprocessed_cache_hit" { hits += $2 } $1 == "cache_miss" { misses = $2 }
    END { print hits + 0, misses + 0 }'
}

@test "a clone at another path compiles nothing again" {
  [ -z "${COORD_SANITIZE-}" ] || skip "once is enough"
  for program in ccache cmake ninja; do command -v $program || skip "no $program"; done
  export CCACHE_DIR=$BATS_TEST_TMPDIR/cache
  cd "$BATS_TEST_TMPDIR"
  build_clone one
  read -r before compiled < <(hits_and_misses)
  [ "$compiled" -gt 2 ]
  build_clone two
  read -r after now < <(hits_and_misses)
  echo "first: $before hits, $compiled misses; then $after hits, $now misses"
  [ "$now" -eq "$compiled" ]
  [ $((after - before)) -ge "$compiled" ]
}
