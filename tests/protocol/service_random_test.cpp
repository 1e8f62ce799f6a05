// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "service_random_run.hpp"

namespace coord::service {

TEST_CASE(
    "the machine does what the naive one does, and its leases are never ended early, over random runs") {
  std::uint64_t grants = 0, reentered = 0, refusals = 0, deadlocks = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    RandomRun run(seed);
    const auto violation = run.run(400);
    INFO("seed " << seed << ": " << violation.value_or(""));
    REQUIRE_FALSE(violation);
    grants += run.grants();
    reentered += run.reentered();
    refusals += run.refusals();
    deadlocks += run.deadlocks();
  }
  INFO(reentered << " re-entered, " << refusals << " refused, " << deadlocks << " ended");
  CHECK(reentered > 100);
  CHECK(refusals > 100);
  CHECK(deadlocks > 30);
  CHECK(grants > 300 * 30);  // the runs do something
}

}  // namespace coord::service
