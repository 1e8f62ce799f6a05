// SPDX-License-Identifier: MIT
#include "replica/desk.hpp"

#include <utility>
#include <variant>

namespace coord::replica {

namespace {

// What the driver of the peer answers, and what never comes here.
using ServedElsewhere = service::Types<local::RaiseLevel, local::HandOver, local::ToPart>;
using Served = service::Join<Sessions::Serves, Meetings::Serves, ServedElsewhere>;

template <class Request>
inline constexpr bool all_are_served = false;
template <class... Request>
inline constexpr bool all_are_served<std::variant<Request...>> = (service::contains<Served, Request> && ...);
static_assert(all_are_served<local::Request>);

}  // namespace

// What is said when the connection is not only this clerk's own comes last.
SessionActions Desk::take() {
  SessionActions actions = std::exchange(ledger_.out, {});
  std::erase_if(actions, [&](const SessionAction& action) {
    const auto* over = std::get_if<SessionOver>(&action);
    return over != nullptr && meetings_.has(over->connection);
  });
  return actions;
}

SessionActions Desk::on(Instant now, const Recovered& event) {
  sessions_.take_up(now, event);
  return take();
}

// A connection's barriers and its locks are kept apart; the greeting is for both.
SessionActions Desk::on(Instant now, const FromTool& event, const service::Machine& machine, WallTime wall) {
  if (!meetings_.concerns(event)) {
    sessions_.on(now, event, machine, wall);
  } else if (sessions_.ready(event.connection)) {
    meetings_.on(now, event, machine, wall);
  } else {
    ledger_.refuse(event.connection, 0, local::RefusedKind::protocol,
                   "one thing at a time, after a greeting");
  }
  return take();
}

SessionActions Desk::on(const ToolGone& event) {
  meetings_.on(event);
  sessions_.on(event);
  return take();
}

SessionActions Desk::on(const HoldersGone& event) {
  meetings_.on(event);
  sessions_.on(event);
  return take();
}

SessionActions Desk::on(const CommandGone& event) {
  sessions_.on(event);
  return take();
}

SessionActions Desk::on(Instant now, const Outcome& event, const service::Machine& machine) {
  ledger_.hear(now, event, machine);
  return take();
}

SessionActions Desk::on(Instant now, const Applied& event, service::ClientId self,
                        const service::Machine& machine, WallTime wall) {
  sessions_.on(now, event, self, machine);
  sessions_.watched(event, machine, wall);
  enrolments_.on(now, event, self, machine);
  meetings_.on(now, event, self);
  return take();
}

SessionActions Desk::on(Instant now, const Replaced& event, service::ClientId self,
                        const service::Machine& machine, WallTime wall) {
  sessions_.on(now, event, machine);
  sessions_.watched(event, machine, wall);
  enrolments_.on(now, event, self, machine);
  meetings_.on(now, event, machine);
  return take();
}

SessionActions Desk::on(const QueryReady& event, const service::Machine& machine, WallTime wall) {
  ledger_.hear(event, machine, wall);
  return take();
}

SessionActions Desk::on(const QueryFailed& event) {
  ledger_.hear(event);
  return take();
}

SessionActions Desk::quorum_is(Instant now, bool quorum) {
  if (std::exchange(ledger_.quorum, quorum) == quorum) return {};
  sessions_.quorum_is(now, quorum);
  meetings_.quorum_is(now, quorum);
  return take();
}

SessionActions Desk::tick(Instant now, const service::Machine& machine) {
  sessions_.tick(now);
  enrolments_.tick(now, machine);
  meetings_.tick(now);
  return take();
}

std::optional<Instant> Desk::deadline() const {
  std::optional<Instant> next;
  for (const std::optional<Instant> other :
       {sessions_.deadline(), enrolments_.deadline(), meetings_.deadline()}) {
    if (other && (!next || *other < *next)) next = other;
  }
  return next;
}

}  // namespace coord::replica
