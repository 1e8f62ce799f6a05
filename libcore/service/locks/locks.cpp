// SPDX-License-Identifier: MIT
// Locks: requests, grants, and what a hold leaves behind.
#include "service/locks/locks.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "service/core.hpp"
#include "service/locks/wait_graph.hpp"
#include "service/ownership.hpp"

namespace coord::service {

namespace {

Request request_from(const Acquire& body, WallTime wall) {
  Request request{.session = body.session,
                  .number = body.request,
                  .names = body.names,
                  .terms = body.terms,
                  .token = {},
                  .since = wall,
                  .inside = {},
                  .entered = {},
                  .asked = wall,
                  .key = body.key,
                  .join = body.join && body.key != CommandKey{},
                  .joins = {},
                  .joined = {},
                  .part = body.part};
  std::ranges::sort(request.names);
  request.names.erase(std::unique(request.names.begin(), request.names.end()), request.names.end());
  return request;
}

}  // namespace

Refusal Locks::check_request(const Acquire& body, const Request& request) const {
  const auto in_range = [&](Duration length) {
    return length >= Duration::zero() && length <= core_->limits().duration_high;
  };
  const bool valid =
      body.terms.mode <= Mode::shared && body.terms.permits >= 1 &&
      body.terms.permits <= core_->limits().permits &&
      (body.terms.mode == Mode::exclusive || body.terms.permits == 1) && !request.names.empty() &&
      std::ranges::all_of(request.names,
                          [&](const auto& name) { return valid_name(name, core_->limits()); }) &&
      in_range(body.terms.lock_delay) && in_range(body.terms.min_hold) &&
      body.inside.size() <= core_->limits().nesting && in_range(body.terms.period) &&
      (body.terms.period == Duration::zero() ||
       (body.terms.period == body.terms.min_hold && body.terms.mode == Mode::exclusive));
  if (!valid) return Refusal::invalid;
  if (!body.open) {
    if (core_->is_asked(body.session, body.request)) return Refusal::request_in_use;
    if (requests_of(body.session).size() >= core_->limits().requests_of_session)
      return Refusal::too_many_of_session;
  }
  if (state().requests.size() + state().lingering_holds.size() >= core_->limits().requests)
    return Refusal::too_many_requests;
  if (table_.all().size() + table_.new_names(request) > core_->limits().names) return Refusal::too_many_names;
  if (core_->name_bytes() + bytes_of_names(request.names) > core_->limits().all_name_bytes)
    return Refusal::too_many_names;
  if (!COORD_RULE(rates_fit, table_.period_fits(request))) return Refusal::rate_differs;
  if (!COORD_RULE(entries_fit, entry_fits(request))) return Refusal::entries_differ;
  if (!table_.permits_fit(request)) return Refusal::permits_differ;
  return Refusal::none;
}

// From level 2 on. Before, only the peer of the tool that asks looks.
Refusal Locks::check_user(const Acquire& body, Level level) const {
  if (level < 2) return Refusal::none;
  const Owner& owner = body.open ? body.open->owner : core_->state().sessions.at(body.session).owner;
  const auto own = [&](const std::string& name) { return may_use(name, owner.uid, owner.user); };
  if (!std::ranges::all_of(body.names, own)) return Refusal::not_yours;
  if (owner.uid != 0 && !COORD_RULE(names_of_user_bounded, core_->names_of(owner) + body.names.size() <=
                                                               core_->limits().names_of_user))
    return Refusal::too_many_names_of_user;
  return check_epochs_of(owner, body);
}

void Locks::on(const Acquire& body, Step& step) {
  const auto refuse = [&](Refusal why, Cycle cycle = {}) {
    cycle.resize(std::min(cycle.size(), core_->limits().shown_cycle));
    step.refuse(why, body.session, body.request, std::move(cycle));
  };
  if (body.names.size() > core_->limits().names_a_request) return refuse(Refusal::invalid);
  Request request = request_from(body, step.wall);
  const bool ends = body.part && body.part->ends;
  Refusal why = core_->check_sender(body.open, body.session, step.to.node);
  if (why == Refusal::none && !ends && body.inside.size() <= core_->limits().nesting)
    request.inside = proved(body.inside, step.to.node);
  if (why == Refusal::none) why = check_part(body, request, step.to.node);
  if (why == Refusal::none) why = check_request(body, request);
  if (why == Refusal::none) why = check_user(body, step.level);
  if (why != Refusal::none) return refuse(why);
  if (ends) end_epoch(request.names.front(), step);
  if (ends) request.part.reset();
  if (request.part && is_in_epoch(request.names.front(), body.part->closes))
    close_epoch(request.names.front(), step);
  if (body.open) request.session = SessionId{step.index.value};
  const Entry inside = entry(request);
  if (!COORD_RULE(exclusive_in_shared_refused, !inside.shared_only))
    return refuse(Refusal::exclusive_in_shared);
  if (request.join && inside.entered.empty())
    request.joins =
        same_run(request, body.open ? body.open->owner.user : core_->session(body.session)->owner.user);
  const bool admitted = request.joins == LogIndex{} && core_->may_grant(inside.entered) &&
                        table_.admits(request, step.index, inside.entered);
  const bool is_nameless = request.part && request.part->sites.empty();
  if (!admitted && !COORD_RULE(who_names_no_sites_begins_no_epoch, !is_nameless))
    return refuse(Refusal::no_such_epoch);
  // It had to enter at once, beside others that wait to take part there.
  if (!admitted && !ends && !COORD_RULE(nobody_waits_behind_who_is_to_take_part, table_.entry_fits(request)))
    return refuse(Refusal::entries_differ);
  if (!admitted && !body.wait) return refuse(core_->state().closed ? Refusal::moving : Refusal::held);
  if (!admitted) {
    std::optional<Deadlock> deadlock = find_deadlock(*this, request, step.index);
    if (!COORD_RULE(no_wait_in_a_cycle, !deadlock))
      return refuse(Refusal::deadlock, std::move(deadlock->cycle));
  }

  if (body.open) core_->open_session(*body.open, request.session, step);
  const Request& kept = state().requests.emplace(step.index, std::move(request)).first->second;
  requests_of_[kept.session].emplace(kept.number, step.index);
  core_->count_names(core_->state().sessions.at(kept.session).owner, kept.names);
  if (admitted) {
    grant(step.index, step, step.to);
  } else {
    if (kept.joins != LogIndex{}) {
      join(step.index, kept.joins);
    } else {
      wait_in_line(step.index);
    }
    step.effects.push_back(Queued{step.to, kept.session, kept.number});
  }
}

void Locks::on(const Cancel& body, Step& step) {
  const Refusal why = core_->check_session(body.session, step.to.node);
  const std::optional<LogIndex> place = find_request(body.session, body.request);
  if (why != Refusal::none || !place)
    return step.refuse(why != Refusal::none ? why : Refusal::no_such_request, body.session, body.request);
  const Request& request = state().requests.at(*place);
  if (request.held() || request.joined) {
    step.effects.push_back(AlreadyGranted{step.to, body.session, body.request, request.fence()});
  } else {
    withdraw(*place, step, step.to);
  }
}

void Locks::on(const Release& body, Step& step) {
  Refusal why = core_->check_session(body.session, step.to.node);
  const std::optional<LogIndex> place = find_request(body.session, body.request);
  if (why == Refusal::none && !place) why = Refusal::no_such_request;
  if (why == Refusal::none && !state().requests.at(*place).held()) why = Refusal::not_held;
  if (why != Refusal::none) return step.refuse(why, body.session, body.request);
  end_hold(*place, {CloseReason::finished, body.status}, step, step.to);
}

// Before its leaderships end, and before it is gone.
void Locks::session_ends(SessionId session, End end, Step& step) {
  const std::map<std::uint64_t, LogIndex> requests = requests_of(session);  // a copy: they go one by one
  for (const auto& [number, place] : requests) {
    if (state().requests.at(place).held()) {
      end_hold(place, end, step, {});
    } else if (COORD_RULE_OR(waiting_request_of_dead_session_removed, true, false)) {
      withdraw(place, step, {});
    }
  }
}

void Locks::settle(Step& step) {
  grant_next(step);
  end_deadlocks(step);
}

void Locks::grant(LogIndex place, Step& step, AnswerTo to) {
  Request& request = state().requests.at(place);
  request.entered = entry(request).entered;
  request.token = core_->next_token(step.index);
  request.since = step.wall;
  table_.hold(request.names, request.terms.permits, request.token,
              Holder{request.terms.mode, place, {}, request.entry_by()}, request.entered,
              request.terms.period);
  if (request.part) begin_epoch(request, step);
  leave_line(place, request);
  place_of_.insert_or_assign(request.token, place);
  suspect_waits(request);
  candidates_.insert(waits_under(request.session).begin(), waits_under(request.session).end());
  // Where it had stood in line it held others up; what it re-entered has not become fuller.
  if (!request.entered.empty()) touched_.insert(request.names.begin(), request.names.end());
  step.effects.push_back(Granted{to, request.session, request.number, request.fence(), request.terms.mode,
                                 request.terms.permits, request.names, request.fence() != request.token});
  join_what_was_granted(place);
  if (request.terms.min_hold > Duration::zero())
    step.effects.push_back(TimerStarted{TimerKind::min_hold, request.token, request.terms.min_hold});
}

void Locks::grant_next(Step& step) {
  for (;;) {
    if (!touched_.empty()) candidates_.merge(table_.candidates(std::exchange(touched_, {})));
    if (candidates_.empty()) return;
    const LogIndex oldest = *candidates_.begin();
    candidates_.erase(candidates_.begin());
    const Request& request = state().requests.at(oldest);
    if (!request.in_line()) continue;
    const Entry inside = entry(request);
    if (core_->may_grant(inside.entered) && table_.admits(request, oldest, inside.entered))
      grant(oldest, step, {});
  }
}

void Locks::grants_again() {
  for (const auto& [place, request] : state().requests) {
    if (request.in_line()) candidates_.insert(place);
  }
}

// The hold is over. Its names are free, unless its minimum hold has not passed or its holder was lost.
void Locks::end_hold(LogIndex place, End end, Step& step, AnswerTo to) {
  Request request = std::move(state().requests.at(place));
  forget_request(place, request);
  place_of_.erase(request.token);
  suspect_waits(request);
  note_history(request, end, step);
  end_joined(place, request, end.status, step);
  const Duration delay = COORD_RULE_OR(
      lock_delay_after_loss, end.lost() ? request.terms.lock_delay : Duration::zero(), Duration::zero());
  const Duration min_hold =
      COORD_RULE_OR(min_hold_outlives_release, request.terms.min_hold, Duration::zero());
  step.effects.push_back(Released{to, request.session, request.number, request.fence(), request.names});
  if (delay == Duration::zero() && min_hold == Duration::zero()) {
    table_.let_go(request.names, request.token);
    end_epochs(request.names, step);
    touched_.insert(request.names.begin(), request.names.end());
    return;
  }
  if (delay > Duration::zero())
    step.effects.push_back(TimerStarted{TimerKind::lock_delay, request.token, delay});
  table_.hold(request.names, request.terms.permits, request.token, Holder{request.terms.mode, LogIndex{}, {}},
              request.entered, request.terms.period);
  const Session* session = core_->session(request.session);
  LingeringHold lingering_hold{.session = request.session,
                               .node = session != nullptr ? session->node : NodeId{},
                               .owner = session != nullptr ? session->owner : Owner{},
                               .names = std::move(request.names),
                               .terms = request.terms,
                               .since = request.since,
                               .entered = std::move(request.entered)};
  lingering_hold.terms.lock_delay = delay;
  lingering_hold.terms.min_hold = min_hold;
  core_->count_owner(lingering_hold.owner);
  core_->count_names(lingering_hold.owner, lingering_hold.names);
  state().lingering_holds.insert_or_assign(request.token, std::move(lingering_hold));
}

void Locks::withdraw(LogIndex place, Step& step, AnswerTo to) {
  const Request request = std::move(state().requests.at(place));
  forget_request(place, request);
  leave_line(place, request);
  touched_.insert(request.names.begin(), request.names.end());
  step.effects.push_back(Cancelled{to, request.session, request.number});
}

void Locks::forget_request(LogIndex place, const Request& request) {
  const auto of_session = requests_of_.find(request.session);
  if (of_session != requests_of_.end()) {
    of_session->second.erase(request.number);
    if (of_session->second.empty()) requests_of_.erase(of_session);
  }
  core_->uncount_names(core_->state().sessions.at(request.session).owner, request.names);
  state().requests.erase(place);
}

Duration Locks::timer_length(TimerKind kind, Token token) const {
  if (kind == TimerKind::idle_epoch) return idle_for(token);
  const auto held = place_of_.find(token);
  if (held != place_of_.end())
    return kind == TimerKind::min_hold ? state().requests.at(held->second).terms.min_hold : Duration::zero();
  const auto it = state().lingering_holds.find(token);
  if (it == state().lingering_holds.end()) return Duration::zero();
  return kind == TimerKind::min_hold ? it->second.terms.min_hold : it->second.terms.lock_delay;
}

std::vector<RunningTimer> Locks::running_timers() const {
  std::vector<RunningTimer> running;
  const auto note = [&](TimerKind kind, Token token, Duration length) {
    if (length > Duration::zero()) running.push_back({kind, token, length});
  };
  for (const auto& [token, place] : place_of_)
    note(TimerKind::min_hold, token, state().requests.at(place).terms.min_hold);
  for (const auto& [token, lingering_hold] : state().lingering_holds) {
    note(TimerKind::min_hold, token, lingering_hold.terms.min_hold);
    note(TimerKind::lock_delay, token, lingering_hold.terms.lock_delay);
  }
  for (const auto& [epoch, name] : epochs_) note(TimerKind::idle_epoch, epoch, idle_for(epoch));
  return running;
}

void Locks::timer_over(TimerKind kind, Token token, Step& step) {
  if (kind == TimerKind::idle_epoch) return idle_over(token, step);
  const auto clear = [&](Duration& timer) {
    if (timer == Duration::zero()) return;
    timer = Duration::zero();
    step.effects.push_back(TimerEnded{kind, token});
  };
  const auto held = place_of_.find(token);
  if (held != place_of_.end() && kind == TimerKind::min_hold)
    clear(state().requests.at(held->second).terms.min_hold);
  const auto it = state().lingering_holds.find(token);
  if (it == state().lingering_holds.end()) return;
  LingeringHold& lingering_hold = it->second;
  clear(kind == TimerKind::min_hold ? lingering_hold.terms.min_hold : lingering_hold.terms.lock_delay);
  if (lingering_hold.terms.min_hold > Duration::zero() || lingering_hold.terms.lock_delay > Duration::zero())
    return;
  table_.let_go(lingering_hold.names, token);
  touched_.insert(lingering_hold.names.begin(), lingering_hold.names.end());
  core_->uncount_owner(lingering_hold.owner);
  core_->uncount_names(lingering_hold.owner, lingering_hold.names);
  state().lingering_holds.erase(it);
}

bool Locks::busy() const {
  return !state().lingering_holds.empty();
}

// ---- queries

LockState& Locks::state() {
  return core_->part<LockState>();
}
const LockState& Locks::state() const {
  return std::as_const(*core_).part<LockState>();
}

const std::map<std::uint64_t, LogIndex>& Locks::requests_of(SessionId session) const {
  static const std::map<std::uint64_t, LogIndex> none;
  const auto it = requests_of_.find(session);
  return it == requests_of_.end() ? none : it->second;
}

std::optional<LogIndex> Locks::find_request(SessionId session, std::uint64_t number) const {
  const auto& requests = requests_of(session);
  const auto it = requests.find(number);
  if (it == requests.end()) return std::nullopt;
  return it->second;
}

std::optional<Standing> Locks::standing(SessionId session, std::uint64_t number) const {
  const std::optional<LogIndex> place = find_request(session, number);
  if (!place) return std::nullopt;
  const Request& found = state().requests.at(*place);
  if (found.joined) return Standing{Standing::Kind::joined, found.fence(), *found.joined};
  return found.held() ? Standing{Standing::Kind::held, found.fence()} : Standing{Standing::Kind::waiting, {}};
}

}  // namespace coord::service
