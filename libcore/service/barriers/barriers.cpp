// SPDX-License-Identifier: MIT
// Barriers as the log sees them: sessions that arrive, depart, finish their command, or end in between.
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/rule.hpp"
#include "service/barriers/change.hpp"
#include "service/core.hpp"
#include "service/ownership.hpp"

namespace coord::service {

BarrierState& Barriers::state() {
  return core_->part<KeptBarriers>().barriers;
}
const BarrierState& Barriers::state() const {
  return std::as_const(*core_).part<KeptBarriers>().barriers;
}

namespace {

Barriers::Change change_in(BarrierState& state, const Step& step) {
  return {state, step.level, step.index, step.wall, {}, {}};
}

}  // namespace

// What happened in the barriers happened; then those sessions end that waited for nothing else.
void Barriers::take(Change&& change, Step& step) {
  step.effects.insert(step.effects.end(), std::make_move_iterator(change.effects.begin()),
                      std::make_move_iterator(change.effects.end()));
  for (const SessionId id : change.leavers) core_->end_session(id, {CloseReason::finished, {}}, step, {});
}

void Barriers::session_ends(SessionId session, End end, Step& step) {
  if (seat(session) == nullptr) return;
  Change change = change_in(state(), step);
  leave(change, session, end.why != CloseReason::finished);
  take(std::move(change), step);
}

void Barriers::timer_over(TimerKind kind, Token token, Step& step) {
  Change change = change_in(state(), step);
  timer_over(change, kind, LogIndex{token.value});
  take(std::move(change), step);
}

void Barriers::on(const Arrive& body, Step& step) {
  const SessionId id{step.index.value};
  Change change = change_in(state(), step);
  Arrived arrived{core_->check_open(body.open, step.to.node), 0};
  const Owner& owner = body.open.owner;
  if (arrived.why == Refusal::none && step.level >= 2 && !may_use(body.name, owner.uid, owner.user))
    arrived.why = Refusal::not_yours;
  if (arrived.why == Refusal::none) arrived = arrive(change, body, id);
  if (arrived.why != Refusal::none) return step.refuse(arrived.why);
  const Session& session = core_->add_session(body.open, id, step);
  step.effects.push_back(BarrierArrived{step.to, id, session.ttl, body.name, arrived.generation});
  take(std::move(change), step);
}

void Barriers::on(const Depart& body, Step& step) {
  Refusal why = core_->check_session(body.session, step.to.node);
  const Seat* seat = this->seat(body.session);
  if (why == Refusal::none && seat == nullptr) why = Refusal::invalid;
  if (why != Refusal::none) return step.refuse(why, body.session);
  const Barrier& barrier = state().barriers.at(seat->name);
  if (seat->number == barrier.last + 1) {
    step.effects.push_back(BarrierDeparted{step.to, body.session});
    core_->end_session(body.session, {CloseReason::finished, {}}, step, {});
  } else {
    step.effects.push_back(BarrierStays{step.to, body.session});
  }
}

void Barriers::on(const Finish& body, Step& step) {
  const Refusal why = core_->check_session(body.session, step.to.node);
  Change change = change_in(state(), step);
  if (why != Refusal::none || !finish(change, body))
    return step.refuse(why != Refusal::none ? why : Refusal::no_command, body.session);
  step.effects.push_back(BarrierDone{step.to});
  take(std::move(change), step);
}

void Barriers::on(const ResetBarrier& body, Step& step) {
  if (step.level >= 2 &&
      !(may_use(body.name, body.uid, body.user) && may_reset(body.name, body.uid, body.user)))
    return step.refuse(Refusal::not_yours);
  Change change = change_in(state(), step);
  if (reset(change, body.name)) {
    step.effects.push_back(BarrierDone{step.to});
  } else {
    step.refuse(Refusal::no_such_barrier);
  }
  take(std::move(change), step);
}

bool Barriers::may_reset(const std::string& name, std::uint32_t uid, const std::string& user) const {
  const auto found = state().barriers.find(name);
  if (uid == 0 || found == state().barriers.end()) return true;
  // Of those who are gone the arrival says whose they were, from level 2 on.
  const auto is_users = [&](const auto& entry) {
    const Session* session = core_->session(entry.second.session);
    const std::string& owner = session != nullptr ? session->owner.user : entry.second.user;
    return owner.empty() || owner == user;
  };
  return COORD_RULE(
      resets_only_own, std::ranges::all_of(found->second.generations, [&](const auto& generation) {
        const bool is_over = generation.second.over() && &generation.second != found->second.failure();
        return is_over || std::ranges::all_of(generation.second.arrivals, is_users);
      }));
}

}  // namespace coord::service
