// SPDX-License-Identifier: MIT
// A machine from a snapshot: what can be computed is computed again, and the parts must fit each other.
#include "service/state_machine.hpp"

namespace coord::service {

Error inconsistent(std::string what) {
  return Error{ErrorKind::data, "snapshot of the service", std::move(what),
               "restore this peer with --rejoin"};
}

Result<StateMachine> StateMachine::restore(State state, std::optional<Limits> limits) {
  StateMachine machine = limits ? StateMachine(*limits) : StateMachine();
  machine.state_ = std::move(state);
  machine.set_level(machine.state_.level);
  Status status = machine.rebuild();
  if (!status) return status.error();
  return machine;
}

Status Core::rebuild_core() {
  for (const auto& [node, registration] : state_.registrations) {
    if (registration.client.value == 0 || registration.client.value > state_.applied.value)
      return inconsistent("a registration from the future");
    if (!registration.applied.empty() && registration.applied.begin()->first <= registration.settled)
      return inconsistent("a command that is both settled and open");
  }
  for (const auto& [id, session] : state_.sessions) {
    if (id.value == 0 || id.value > state_.applied.value) return inconsistent("a session from the future");
    if (session.ttl <= Duration::zero() || session.ttl > limits_.duration_high)
      return inconsistent("a session without a lease");
    count_session(session);
  }
  return done();
}

Status StateMachine::rebuild() {
  Status status = rebuild_core();
  Rebuild rebuild;
  each([&](auto& family) {
    if (status) status = family.rebuild(rebuild);
  });
  return status;
}

}  // namespace coord::service
