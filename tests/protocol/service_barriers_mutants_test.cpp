// SPDX-License-Identifier: MIT
// Each rule of the barriers is removed in turn; the random runs must notice within so many seeds.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "service_barriers_run.hpp"

namespace coord::service {

namespace {

constexpr std::uint64_t seeds = 40;

constexpr const char* rules[] = {
    "barrier_breaks_on_death",      "barrier_dead_do_not_count",
    "barrier_early_is_not_late",    "barrier_expected_have_their_places",
    "barrier_lost_command_is_over", "barrier_needs_all",
    "barrier_one_of_each_id",       "barrier_quorum_after_its_delay",
    "barrier_same_arrival_is_one",  "barrier_terms_are_fixed",
    "barrier_wakes_everybody",      "barrier_failed_breaks",
    "barrier_failure_is_kept",      "barrier_turns_end_with_failure",
};

// The first seed that notices, 0: none.
std::uint64_t noticed_at(const char* rule, std::string& how) {
  mutants::removed = rule;
  std::uint64_t noticed = 0;
  for (std::uint64_t seed = 1; seed <= seeds && noticed == 0; ++seed) {
    const auto violation = BarrierRun(seed).run(400);
    if (!violation) continue;
    noticed = seed;
    how = *violation;
  }
  mutants::removed.clear();
  return noticed;
}

}  // namespace

TEST_CASE("every rule of the barriers that is removed is noticed") {
  for (const char* rule : rules) {
    std::string how;
    const std::uint64_t seed = noticed_at(rule, how);
    WARN(rule << ": seed " << seed << ", " << how);
    CHECK(seed != 0);
  }
  std::string how;
  CHECK(noticed_at("", how) == 0);
}

}  // namespace coord::service
