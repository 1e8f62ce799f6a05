// SPDX-License-Identifier: MIT
// Random faults by seed; the invariants of the paper's figure 3 hold after every
// step, and the group comes back.
#include "raft_storm.hpp"

#include <catch2/catch.hpp>

using namespace raft_test;

TEST_CASE("300 storms break no invariant, and every group comes back", "[raft][storm]") {
  std::size_t commands = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Storm storm = weather(seed);
    INFO("seed " << seed << "\n" << storm.trace);
    REQUIRE(storm.violation == "");
    commands += storm.commands;
  }
  CHECK(commands > 300 * 10);  // or the storms were so heavy that nothing was tested
}

TEST_CASE("300 storms while voters change break no invariant, and every group comes back", "[raft][storm]") {
  std::size_t commands = 0;
  std::size_t changes = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Storm storm = churn(seed);
    INFO("seed " << seed << "\n" << storm.trace);
    REQUIRE(storm.violation == "");
    commands += storm.commands;
    changes += storm.changes;
  }
  CHECK(commands > 300 * 10);
  CHECK(changes > 300 * 3);
}
