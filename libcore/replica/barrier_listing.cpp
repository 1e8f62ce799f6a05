// SPDX-License-Identifier: MIT
// Barriers that are asked for from without: listed, and reset.
#include "replica/barrier_listing.hpp"

#include "replica/participants.hpp"

namespace coord::replica {

namespace {

local::BarrierStage stage_of(service::GenerationStage stage) {
  switch (stage) {
    case service::GenerationStage::gathering:
      return local::BarrierStage::waiting;
    case service::GenerationStage::released:
      return local::BarrierStage::released;
    case service::GenerationStage::broken:
      break;
  }
  return local::BarrierStage::broken;
}

// Of an answer, about: it must stay far below a frame together with one more barrier of the largest size.
std::size_t bytes_of(const local::BarrierRecord& record) {
  std::size_t bytes = 400;
  for (const local::Participant& participant : record.participants)
    bytes += 60 + participant.id.size() + participant.host.size();
  for (const std::string& id : record.missing) bytes += 4 + id.size();
  return bytes;
}

}  // namespace

local::BarrierRecord record_of(const std::string& name, std::uint64_t number,
                               const service::Generation& from) {
  local::BarrierRecord to;
  to.name = name;
  to.generation = number;
  to.count = from.terms.count;
  to.quorum = from.terms.quorum;
  to.stage = stage_of(from.stage);
  to.trigger = from.trigger;
  to.released = from.released_at;
  for (const auto& [id, arrival] : from.arrivals) {
    to.participants.push_back({id, arrival.host, arrival.at, arrival.late, arrival.command, arrival.lost,
                               arrival.status, arrival.run});
  }
  to.missing = from.missing();
  to.in_turn = from.terms.in_turn;
  to.turn = from.turn;
  to.cause = from.cause;
  to.why = from.why;
  return to;
}

const service::Generation* generation_of(const service::StateMachine& machine, const std::string& name,
                                         std::uint64_t number) {
  const auto& barriers = machine.state().barriers.barriers;
  const auto barrier = barriers.find(name);
  if (barrier == barriers.end()) return nullptr;
  const auto found = barrier->second.generations.find(number);
  return found == barrier->second.generations.end() ? nullptr : &found->second;
}

void Participants::asked(const Scene& at, const local::ListBarriers& request) {
  const ConnectionId id = at.event.connection;
  if (request.stale) return list(id, request, at.machine, at.wall, true);
  ledger_.ask(id, request.request, ask_stale,
              [this, id, request](const service::StateMachine& machine, WallTime wall) {
                list(id, request, machine, wall, false);
              });
}

void Participants::asked(const Scene& at, const local::ResetBarrier& request) {
  const ConnectionId id = at.event.connection;
  const std::uint64_t number = request.request;
  const std::uint64_t ticket =
      ledger_.submit(service::ResetBarrier{request.name, at.event.who.uid, at.event.who.user},
                     [this, id, number](const Ledger::Heard& heard) { was_reset(heard.what, id, number); });
  ledger_.hurry(hurry_, ticket, at.now, [this, id, number, ticket](bool may_be_ordered) {
    if (may_be_ordered) {
      refuse(id, number, local::RefusedKind::unknown,
             "the quorum was lost meanwhile: see --status when it is back");
    } else {
      refuse(id, number, local::RefusedKind::no_quorum, ledger_.no_quorum());
    }
    ledger_.withdraw(ticket);
  });
}

void Participants::was_reset(const Outcome& event, ConnectionId id, std::uint64_t request) {
  if (event.what.kind == service::OutcomeKind::done) {
    ledger_.tell(id, local::BarrierIsReset{request});
  } else if (event.what.kind == service::OutcomeKind::refused) {
    refuse(id, request, local::RefusedKind::held, service::describe(event.what.why));
  } else {
    refuse(id, request, local::RefusedKind::unknown, "this peer was replaced while it asked: see --status");
  }
}

void Participants::list(ConnectionId id, const local::ListBarriers& asked,
                        const service::StateMachine& machine, WallTime wall, bool stale) {
  constexpr std::size_t together = 100 * 1024;
  const auto& barriers = machine.state().barriers.barriers;
  local::Barriers answer;
  answer.request = asked.request;
  answer.as_of = wall;
  answer.stale = stale;
  std::size_t bytes = 0;
  const bool one = !asked.name.empty();
  for (auto it = one ? barriers.find(asked.name) : barriers.upper_bound(asked.after); it != barriers.end();
       ++it) {
    const auto [number, generation] = it->second.current();
    const bool shown = generation != nullptr && (one || it->second.idle_since == LogIndex{});
    if (shown && bytes >= together) {
      answer.more = true;
      break;
    }
    if (shown) {
      answer.barriers.push_back(record_of(it->first, number, *generation));
      bytes += bytes_of(answer.barriers.back());
    }
    if (one) break;
  }
  ledger_.tell(id, std::move(answer));
}

}  // namespace coord::replica
