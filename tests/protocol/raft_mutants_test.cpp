// SPDX-License-Identifier: MIT
// Raft with one rule removed: the storms must notice each, within so many seeds. A rule that can be removed
// unnoticed has no test.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "raft_rules.hpp"
#include "raft_storm.hpp"

using namespace raft_test;

namespace {

constexpr std::uint64_t seeds = 10000;

struct Rule {
  const char* name;
  std::uint64_t first_seed = 1;  // near one that is known to notice, where that is rare
};

constexpr Rule rules[] = {
    {"acknowledge_what_was_checked"},
    {"acknowledge_when_durable"},
    {"append_checks_previous"},
    {"check_quorum"},
    {"commit_only_own_term", 6500},
    {"commit_what_was_checked"},
    {"empty_peer_is_mute"},
    {"ignore_old_terms", 800},
    {"log_up_to_date_to_vote", 1000},
    {"noop_at_election"},
    {"one_vote_a_term"},
    {"overwritten_writes_do_not_count"},
    {"pre_vote"},
    {"read_after_own_term_commit"},
    {"read_confirmed_by_round"},
    {"rejoin_above_all_terms"},
    {"rejoined_peer_is_mute"},
    {"self_counts_when_durable"},
    {"snapshot_not_over_newer"},
    {"step_down_on_failed_write"},
    {"term_durable_before_use", 3000},
    {"truncate_only_on_conflict"},
    {"vote_durable_before_reply", 500},
    {"votes_wait_for_silence"},
};

// The first seed that notices, 0: none.
std::uint64_t noticed_at(const Rule& rule, std::string& how) {
  coord::mutants::removed = rule.name;
  std::uint64_t noticed = 0;
  for (std::uint64_t seed = rule.first_seed; seed < rule.first_seed + seeds && noticed == 0; ++seed) {
    how = weather(seed).violation;
    if (!how.empty()) noticed = seed;
  }
  coord::mutants::removed.clear();
  return noticed;
}

}  // namespace

TEST_CASE("every rule of Raft that is removed is noticed") {
  for (const Rule& rule : rules) {
    std::string how;
    const std::uint64_t seed = noticed_at(rule, how);
    WARN(rule.name << ": seed " << seed << ", " << how);
    CHECK(seed != 0);
  }
}

TEST_CASE("every rule that a scenario is for is noticed by it") {
  std::vector<RuleScenario> scenarios = rule_scenarios();
  std::ranges::copy(member_rule_scenarios(), std::back_inserter(scenarios));
  for (const RuleScenario& scenario : scenarios) {
    CHECK(scenario.play() == "");
    coord::mutants::removed = scenario.rule;
    const std::string how = scenario.play();
    coord::mutants::removed.clear();
    WARN(scenario.rule << ": " << how);
    CHECK(how != "");
  }
}
