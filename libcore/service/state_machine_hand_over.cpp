// SPDX-License-Identifier: MIT
// A peer alone that is to hand over to a group (replica/events.hpp, GrantNothing): closed, it grants
// nothing new, so that those who hold can be waited for. Who waits goes on waiting, here and then at
// the group. What is asked for inside of a hold and held by it already is no new grant: refusing it
// would keep that hold for ever.
#include <algorithm>

#include "base/rule.hpp"
#include "service/state_machine.hpp"

namespace coord::service {

bool Core::may_grant(const std::vector<Token>& entered) const {
  const bool reenters =
      !entered.empty() && std::ranges::all_of(entered, [](Token token) { return token != Token{}; });
  return COORD_RULE(closed_grants_nothing, !state_.closed || reenters);
}

void StateMachine::on(const Shut& body, Step& step) {
  if (step.level < 2 || state_.closed == body.closed) return;
  state_.closed = body.closed;
  if (state_.closed) return;
  each([](auto& family) { family.grants_again(); });
}

}  // namespace coord::service
