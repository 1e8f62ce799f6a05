// SPDX-License-Identifier: MIT
// How the machine's level rises.
#include <algorithm>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "service/state_machine.hpp"

namespace coord::service {

void Core::set_level(Level level) {
  state_.level = level;
  if (!own_limits_) return;
  limits_ = limits_of_level(level);
}

bool StateMachine::has_announced(NodeId voter, const Raise& raise) const {
  const auto registration = state_.registrations.find(voter);
  const auto life = raise.lives.find(voter);
  if (registration == state_.registrations.end() || life == raise.lives.end()) return false;
  if (!COORD_RULE(raise_void_after_restart, registration->second.nonce == life->second)) return false;
  // From level 2 on a registration says itself what its program knows.
  return state_.level < 2 || registration->second.knows >= raise.level;
}

Effects StateMachine::apply_raise(LogIndex index, const Raise& raise, const std::vector<NodeId>& voters) {
  COORD_CHECK(index > state_.applied);
  if (state_.applied != LogIndex{}) state_.applied = index;  // the first command places the tokens
  const bool all = raise.level > state_.level &&
                   std::ranges::all_of(voters, [&](NodeId voter) { return has_announced(voter, raise); });
  if (!all) return {RaiseApplied{raise.level, false}};
  for (const NodeId voter : voters) {
    Registration& registration = state_.registrations.at(voter);
    registration.knows = std::max(registration.knows, raise.level);
  }
  set_level(raise.level);
  if (state_.group == GroupId{}) state_.group = group_of(index, raise);
  return {RaiseApplied{raise.level, true}};
}

}  // namespace coord::service
