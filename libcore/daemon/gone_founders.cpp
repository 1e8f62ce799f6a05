// SPDX-License-Identifier: MIT
#include "daemon/gone_founders.hpp"

#include "replica/replica.hpp"

namespace coord::daemon {

bool is_gone_for_good(const replica::ReplicatedService& service, NodeId founder) {
  const service::StateMachine& machine = service.log().machine();
  if (machine.state().retired.contains(founder)) return true;
  const replica::Replica* const voter = service.voter();
  return machine.level() >= 2 && !machine.state().registrations.contains(founder) &&
         (voter == nullptr || !voter->raft().voters().has(founder));
}

}  // namespace coord::daemon
