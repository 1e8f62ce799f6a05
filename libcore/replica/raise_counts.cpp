// SPDX-License-Identifier: MIT
#include "replica/raise_counts.hpp"

#include "base/rule.hpp"

namespace coord::replica {

std::vector<NodeId> who_must_know(const raft::Voters& voters, Level now) {
  std::vector<NodeId> all = voters.voters;
  if (COORD_RULE_OR(raise_counts_learners, now >= 2, false))
    all.insert(all.end(), voters.learners.begin(), voters.learners.end());
  return all;
}

}  // namespace coord::replica
