// SPDX-License-Identifier: MIT
#include "replica/desk.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/format.hpp"
#include "replica/admission.hpp"

namespace coord::replica {

namespace {

// What the driver of the peer answers, and what never comes here.
using ServedElsewhere = service::Types<local::RaiseLevel, local::HandOver, local::ToPart, local::OrderVoters,
                                       local::KeepVoters, local::MovePeer>;
using Served = service::Join<Sessions::Serves, Participants::Serves, Orders::Serves, ServedElsewhere>;

template <class Request>
inline constexpr bool all_are_served = false;
template <class... Request>
inline constexpr bool all_are_served<std::variant<Request...>> = (service::contains<Served, Request> && ...);
static_assert(all_are_served<local::Request>);

// The level from which on the group can do it.
Level level_of(const local::Request& request) {
  const auto of_families = []<class Said>(const Said&) {
    Level level = first_level;
    service::for_each_family([&]<class F>() {
      if (service::contains<service::Join<typename F::Orders, typename F::Questions>, Said>) level = F::since;
    });
    return level;
  };
  if (const auto* order = std::get_if<local::Order>(&request)) return std::visit(of_families, order->what);
  if (const auto* question = std::get_if<local::Question>(&request))
    return std::visit(of_families, question->what);
  const auto* arrive = std::get_if<local::Arrive>(&request);
  if (arrive != nullptr && (arrive->in_turn || arrive->fail)) return 2;
  const auto* acquire = std::get_if<local::Acquire>(&request);
  if (acquire == nullptr) return first_level;
  if (acquire->part) return 2;
  return acquire->put ? service::Values::since : first_level;
}

}  // namespace

// What is said when the connection is not only this clerk's own comes last.
Desk::Desk(SessionsConfig config) : ledger_(std::move(config)) {}
Desk::~Desk() = default;

SessionActions Desk::take() {
  SessionActions actions = std::exchange(ledger_.out, {});
  std::erase_if(actions, [&](const SessionAction& action) {
    const auto* over = std::get_if<SessionOver>(&action);
    return over != nullptr && participants_.has(over->connection);
  });
  return actions;
}

SessionActions Desk::on(Instant now, const Recovered& event) {
  sessions_.take_up(now, event);
  return take();
}

SessionActions Desk::on(Instant now, const FromTool& event, const service::StateMachine& machine,
                        WallTime wall) {
  constexpr std::size_t most_parked = 1024;
  // What follows on its connection, a Cancel, must not overtake it.
  const bool follows = std::ranges::any_of(
      parked_, [&](const Parked& parked) { return parked.event.connection == event.connection; });
  if ((follows || level_of(event.request) > machine.level()) && parked_.size() < most_parked) {
    parked_.push_back({now + ledger_.config.hurry.leader, event});
  } else {
    serve(now, event, machine, wall);
  }
  return take();
}

// A connection's barriers and its locks are kept apart; the greeting is for both.
void Desk::serve(Instant now, const FromTool& event, const service::StateMachine& machine, WallTime wall) {
  const auto* order = std::get_if<local::Order>(&event.request);
  const auto* question = std::get_if<local::Question>(&event.request);
  if (level_of(event.request) > machine.level()) {
    ledger_.refuse(event.connection, number_of(event.request), local::RefusedKind::protocol,
                   fmt::format("the group is at level {}, and this needs a later one: see dpeers level",
                               machine.level()));
  } else if ((order != nullptr || question != nullptr) && !sessions_.has(event.connection)) {
    ledger_.refuse(event.connection, number_of(event.request), local::RefusedKind::protocol,
                   "a greeting comes first");
  } else if (order != nullptr) {
    orders_.asked(now, event, *order);
  } else if (question != nullptr) {
    orders_.asked(event, *question, machine, wall);
  } else if (!participants_.concerns(event)) {
    sessions_.on(now, event, machine, wall);
  } else if (sessions_.ready(event.connection)) {
    participants_.on(now, event, machine, wall);
  } else {
    ledger_.refuse(event.connection, 0, local::RefusedKind::protocol,
                   "one thing at a time, after a greeting");
  }
}

// The level may have risen.
void Desk::serve_parked(Instant now, const service::StateMachine& machine, WallTime wall) {
  if (parked_.empty() || machine.level() < newest_level) return;
  for (const Parked& parked : std::exchange(parked_, {})) serve(now, parked.event, machine, wall);
}

void Desk::refuse_parked(Instant now, const service::StateMachine& machine) {
  while (!parked_.empty() && parked_.front().end <= now) {
    const FromTool event = std::move(parked_.front().event);
    parked_.erase(parked_.begin());
    if (ledger_.quorum || level_of(event.request) == first_level) {
      serve(now, event, machine, {});
    } else {
      ledger_.refuse(event.connection, number_of(event.request), local::RefusedKind::no_quorum,
                     ledger_.no_quorum());
    }
  }
}

SessionActions Desk::on(const ToolGone& event) {
  std::erase_if(parked_, [&](const Parked& parked) { return parked.event.connection == event.connection; });
  orders_.on(event);
  participants_.on(event);
  sessions_.on(event);
  return take();
}

SessionActions Desk::on(const HoldersGone& event) {
  participants_.on(event);
  sessions_.on(event);
  return take();
}

SessionActions Desk::on(const CommandGone& event) {
  sessions_.on(event);
  return take();
}

SessionActions Desk::on(Instant now, const HeldElsewhere& event) {
  sessions_.on(now, event);
  return take();
}

SessionActions Desk::on(Instant now, const Outcome& event, const service::StateMachine& machine) {
  ledger_.hear(now, event, machine);
  return take();
}

SessionActions Desk::on(Instant now, const Applied& event, service::ClientId self,
                        const service::StateMachine& machine, WallTime wall) {
  sessions_.on(now, event, self, machine);
  sessions_.watched(event, machine, wall);
  enrolments_.on(now, event, self, machine);
  participants_.on(now, event, self);
  orders_.on(now, event, machine, wall);
  serve_parked(now, machine, wall);
  return take();
}

SessionActions Desk::on(Instant now, const Replaced& event, service::ClientId self,
                        const service::StateMachine& machine, WallTime wall) {
  sessions_.on(now, event, machine);
  sessions_.watched(event, machine, wall);
  enrolments_.on(now, event, self, machine);
  participants_.on(now, event, machine);
  orders_.on(now, event, machine, wall);
  serve_parked(now, machine, wall);
  return take();
}

SessionActions Desk::on(const QueryReady& event, const service::StateMachine& machine, WallTime wall) {
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
  participants_.quorum_is(now, quorum);
  orders_.quorum_is(now, quorum);
  return take();
}

SessionActions Desk::tick(Instant now, const service::StateMachine& machine) {
  sessions_.tick(now);
  enrolments_.tick(now, machine);
  participants_.tick(now);
  orders_.tick(now);
  refuse_parked(now, machine);
  return take();
}

std::optional<Instant> Desk::deadline() const {
  std::optional<Instant> next;
  if (!parked_.empty()) next = parked_.front().end;
  for (const std::optional<Instant> other :
       {sessions_.deadline(), enrolments_.deadline(), participants_.deadline(), orders_.deadline()}) {
    if (other && (!next || *other < *next)) next = other;
  }
  return next;
}

}  // namespace coord::replica
