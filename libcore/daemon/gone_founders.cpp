// SPDX-License-Identifier: MIT
#include "daemon/gone_founders.hpp"

#include "replica/forwarder.hpp"
#include "replica/replica.hpp"

namespace coord::daemon {

bool is_gone_for_good(const replica::ReplicatedService& service, NodeId founder) {
  const service::StateMachine& machine = service.log().machine();
  if (machine.state().retired.contains(founder)) return true;
  if (machine.level() < 2 || machine.state().registrations.contains(founder)) return false;
  if (const replica::Replica* const voter = service.voter()) return !voter->raft().voters().has(founder);
  const auto* forwarder = dynamic_cast<const replica::Forwarder*>(&service.log());
  return forwarder == nullptr || !raft::Voters{forwarder->voters(), forwarder->learners()}.has(founder);
}

}  // namespace coord::daemon
