// SPDX-License-Identifier: MIT
// Each of the fence's rules is removed in turn, and must be missed.
#include "base/rule.hpp"
#include "store_fence_model.hpp"

using namespace coord;
using namespace coord::store;

namespace {

std::uint64_t seed_that_notices(const char* rule, std::uint64_t seeds) {
  mutants::removed = rule;
  std::uint64_t found = 0;
  for (std::uint64_t seed = 1; seed <= seeds && found == 0; ++seed) {
    if (fence_run(seed)) found = seed;
  }
  mutants::removed.clear();
  return found;
}

}  // namespace

TEST_CASE("every rule of the fence that is removed is noticed") {
  for (const char* const rule :
       {"fence_refuses_older", "fence_spares_the_whole_copy", "fence_synced_copy_by_copy",
        "fence_rewrites_unfinished", "fence_synced_before_raise", "fence_unsynced_copy_is_spoilt"}) {
    const std::uint64_t seed = seed_that_notices(rule, 20000);
    WARN(rule << ": seed " << seed);
    CHECK(seed != 0);
  }
  mutants::removed = "fence_copy_checked";
  CHECK(fence_with_flipped_bit(30, 3).has_value());
  mutants::removed.clear();
  CHECK_FALSE(fence_with_flipped_bit(30, 3).has_value());
}
