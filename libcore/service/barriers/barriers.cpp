// Barriers as the log sees them: sessions that arrive, depart, finish their command, or end in between.
#include <utility>

#include "service/machine.hpp"
#include "service/ownership.hpp"

namespace coord::service {

Barriers::Step Machine::in_barriers(const Step& step) {
  return {state_.barriers, step.level, step.index, step.wall, {}, {}};
}

// What happened in the barriers happened; then those sessions end that waited for nothing else.
void Machine::take(Barriers::Step&& from, Step& step) {
  step.effects.insert(step.effects.end(), std::make_move_iterator(from.effects.begin()),
                      std::make_move_iterator(from.effects.end()));
  for (const SessionId id : from.leavers) end_session(id, {CloseReason::finished, {}}, step, {});
}

void Machine::leave_barrier(SessionId id, CloseReason why, Step& step) {
  if (barriers_.seat(id) == nullptr) return;
  Barriers::Step barriers = in_barriers(step);
  barriers_.leave(barriers, id, why != CloseReason::finished);
  take(std::move(barriers), step);
}

void Machine::on(const Arrive& body, Step& step) {
  const SessionId id{step.index.value};
  Barriers::Step barriers = in_barriers(step);
  Barriers::Arrived arrived{check_open(body.open, step.to.node), 0};
  const Owner& owner = body.open.owner;
  if (arrived.why == Refusal::none && step.level >= 2 && !may_use(body.name, owner.uid, owner.user))
    arrived.why = Refusal::not_yours;
  if (arrived.why == Refusal::none) arrived = barriers_.arrive(barriers, body, id);
  if (arrived.why != Refusal::none) {
    step.effects.push_back(Refused{step.to, {}, 0, arrived.why, {}});
    return;
  }
  const Session session{step.to.node, body.open.owner, body.open.ttl, body.open.nonce, 0, step.wall};
  count_session(session);
  state_.sessions.emplace(id, session);
  step.effects.push_back(BarrierArrived{step.to, id, session.ttl, body.name, arrived.generation});
  take(std::move(barriers), step);
}

void Machine::on(const Depart& body, Step& step) {
  Refusal why = check_session(body.session, step.to.node);
  const Barriers::Seat* seat = barriers_.seat(body.session);
  if (why == Refusal::none && seat == nullptr) why = Refusal::invalid;
  if (why != Refusal::none) {
    step.effects.push_back(Refused{step.to, body.session, 0, why, {}});
    return;
  }
  const Barrier& barrier = state_.barriers.barriers.at(seat->name);
  if (seat->number == barrier.last + 1) {
    step.effects.push_back(BarrierDeparted{step.to, body.session});
    end_session(body.session, {CloseReason::finished, {}}, step, {});
  } else {
    step.effects.push_back(BarrierStays{step.to, body.session});
  }
}

void Machine::on(const Finish& body, Step& step) {
  const Refusal why = check_session(body.session, step.to.node);
  Barriers::Step barriers = in_barriers(step);
  if (why != Refusal::none || !barriers_.finish(barriers, body)) {
    step.effects.push_back(
        Refused{step.to, body.session, 0, why != Refusal::none ? why : Refusal::no_command, {}});
    return;
  }
  step.effects.push_back(BarrierDone{step.to});
  take(std::move(barriers), step);
}

void Machine::on(const ResetBarrier& body, Step& step) {
  if (step.level >= 2 &&
      !(may_use(body.name, body.uid, body.user) && may_reset(body.name, body.uid, body.user))) {
    step.effects.push_back(Refused{step.to, {}, 0, Refusal::not_yours, {}});
    return;
  }
  Barriers::Step barriers = in_barriers(step);
  if (barriers_.reset(barriers, body.name)) {
    step.effects.push_back(BarrierDone{step.to});
  } else {
    step.effects.push_back(Refused{step.to, {}, 0, Refusal::no_such_barrier, {}});
  }
  take(std::move(barriers), step);
}

}  // namespace coord::service
