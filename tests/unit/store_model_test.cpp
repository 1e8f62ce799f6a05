// SPDX-License-Identifier: MIT
// The store against a model, through crashes, failed calls and flipped bits at random.
#include "store_model.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <string>

using namespace coord;
using namespace coord::store;

namespace {

std::map<std::string, int> many_runs(std::uint64_t first_seed, int runs, bool flips) {
  std::map<std::string, int> counts;
  for (int i = 0; i < runs; ++i) {
    const std::uint64_t seed = first_seed + static_cast<std::uint64_t>(i);
    ModelRun run(seed, flips);
    const std::optional<std::string> violation = run.run(60);
    INFO("seed " << seed << (flips ? " with flips: " : ": ") << violation.value_or(""));
    REQUIRE_FALSE(violation.has_value());
    for (const auto& [what, times] : run.counts()) counts[what] += times;
  }
  return counts;
}

}  // namespace

TEST_CASE("2,000 random runs: crashes, power cuts, EIO and ENOSPC at any call") {
  auto counts = many_runs(1, 2000, false);
  for (const char* const kind :
       {"crash in a call", "crash at start", "failed call", "failed start", "snapshot", "cut off"}) {
    INFO(kind);
    CHECK(counts[kind] > 100);
  }
  CHECK(counts["refused"] == 0);
}

TEST_CASE("1,000 random runs with flipped bits: all that was acknowledged, or a refusal") {
  auto counts = many_runs(100000, 1000, true);
  CHECK(counts["flip"] > 500);
  CHECK(counts["refused"] > 100);
}
