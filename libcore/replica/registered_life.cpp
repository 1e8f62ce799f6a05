// SPDX-License-Identifier: MIT
#include "replica/registered_life.hpp"

#include "base/rule.hpp"

namespace coord::replica {

bool is_registered_life(const service::State& state, NodeId node, std::uint64_t life) {
  const auto found = state.registrations.find(node);
  return found != state.registrations.end() &&
         COORD_RULE(learner_is_of_registered_life, found->second.nonce == life);
}

}  // namespace coord::replica
