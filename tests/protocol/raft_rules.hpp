// SPDX-License-Identifier: MIT
// Rules of Raft that a storm notices seldom: each with a scenario that notices at once when it is removed.
#pragma once

#include <string>
#include <vector>

namespace raft_test {

struct RuleScenario {
  const char* rule;
  std::string (*play)();  // what went wrong; empty: nothing
};

const std::vector<RuleScenario>& rule_scenarios();
const std::vector<RuleScenario>& member_rule_scenarios();  // of voters that change

}  // namespace raft_test
