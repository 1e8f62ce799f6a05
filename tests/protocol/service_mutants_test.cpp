// SPDX-License-Identifier: MIT
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

// What the random runs do not do: who joins whom, and rates.
bool joins_a_stranger() {
  StateMachine machine;
  machine.apply(LogIndex{1}, {.body = Register{NodeId{1}, 1, {}}});
  std::uint64_t at = 1;
  for (const char* user : {"one", "another"}) {
    Acquire acquire{.open = Open{{"a", "a", 1, user, 1, "c"}, std::chrono::seconds(10), at}, .session = {}};
    acquire.request = 1;
    acquire.names = {"x"};
    acquire.key = {1, 1};
    acquire.join = true;
    ++at;
    machine.apply(LogIndex{at}, {.node = NodeId{1}, .client = ClientId{1}, .sequence = at, .body = acquire});
  }
  return machine.state().requests.at(LogIndex{3}).joins != LogIndex{};
}
bool mixes_rates() {
  StateMachine machine;
  machine.apply(LogIndex{1}, {.body = Register{NodeId{1}, 1, {}}});
  std::uint64_t at = 1;
  for (const Duration period : {std::chrono::seconds(10), std::chrono::seconds(0)}) {
    Acquire acquire{.open = Open{{}, std::chrono::seconds(10), at}, .session = {}};
    acquire.request = 1;
    acquire.names = {"x"};
    acquire.terms.permits = 2;
    acquire.terms.period = acquire.terms.min_hold = period;
    ++at;
    machine.apply(LogIndex{at}, {.node = NodeId{1}, .client = ClientId{1}, .sequence = at, .body = acquire});
  }
  return machine.state().requests.size() == 2;
}
bool renews_for_a_member() {
  StateMachine machine;
  const NodeId member{1}, voter{2};
  machine.apply(LogIndex{1}, {.body = Register{member, 1, {}}});
  machine.apply(LogIndex{2}, {.body = Register{voter, 1, {}}});
  Acquire acquire{.open = Open{{}, std::chrono::seconds(10), 1}, .session = {}};
  acquire.request = 1;
  acquire.names = {"x"};
  machine.apply(LogIndex{3}, {.node = member, .client = ClientId{1}, .sequence = 1, .body = acquire});
  const SessionId session{3};
  machine.apply(LogIndex{4}, {.node = voter, .client = ClientId{2}, .sequence = 1, .body = Renew{{session}}});
  return machine.state().sessions.at(session).renewal != 0;
}

}  // namespace

TEST_CASE("renewed_by_its_own_host: no other host renews a session") {
  CHECK_FALSE(renews_for_a_member());
  mutants::removed = "renewed_by_its_own_host";
  CHECK(renews_for_a_member());
  mutants::removed.clear();
}

TEST_CASE("rules about joining and rates that are removed are noticed") {
  CHECK_FALSE(joins_a_stranger());
  CHECK_FALSE(mixes_rates());
  mutants::removed = "joins_only_its_own_user";
  CHECK(joins_a_stranger());
  mutants::removed = "rates_fit";
  CHECK(mixes_rates());
  mutants::removed.clear();
}

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
