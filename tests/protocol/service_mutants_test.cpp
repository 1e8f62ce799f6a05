// Each of the service's rules is removed in turn; the random runs must notice within so many seeds.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "service_random_run.hpp"

namespace coord::service {

namespace {

constexpr std::uint64_t seeds = 20;

constexpr const char* rules[] = {
    "cycles_that_close_later_end",
    "deadlock_through_lines",
    "exclusive_in_shared_refused",
    "exclusive_waits_in_line",
    "expire_only_unrenewed",
    "family_goes_with_its_last",
    "floor_respected",
    "grant_all_or_none",
    "late_register_void",
    "lock_delay_after_loss",
    "min_hold_outlives_release",
    "new_leader_extends_leases",
    "no_wait_in_a_cycle",
    "one_exclusive_holder",
    "reenters_only_what_is_held",
    "release_only_own_session",
    "retried_command_once",
    "shared_never_overtakes",
    "shared_not_beside_exclusive",
    "slots_respected",
    "stale_client_void",
    "token_strictly_increases",
    "waiting_request_of_dead_session_removed",
};

// The first seed that notices, 0: none.
std::uint64_t noticed_at(const char* rule, std::string& how) {
  mutants::removed = rule;
  std::uint64_t noticed = 0;
  for (std::uint64_t seed = 1; seed <= seeds && noticed == 0; ++seed) {
    const auto violation = RandomRun(seed).run(400);
    if (!violation) continue;
    noticed = seed;
    how = *violation;
  }
  mutants::removed.clear();
  return noticed;
}

}  // namespace

TEST_CASE("every rule of the service that is removed is noticed") {
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
