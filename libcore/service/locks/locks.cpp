// Locks: requests, grants, and what a hold leaves behind.
#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "service/locks/wait_graph.hpp"
#include "service/machine.hpp"

namespace coord::service {

namespace {

Request request_from(const Acquire& body, WallTime wall) {
  Request request{.session = body.session,
                  .number = body.request,
                  .names = body.names,
                  .mode = body.mode,
                  .slots = body.slots,
                  .lock_delay = body.lock_delay,
                  .min_hold = body.min_hold,
                  .token = {},
                  .since = wall,
                  .inside = {},
                  .entered = {},
                  .asked = wall,
                  .key = body.key,
                  .join = body.join && body.key != CommandKey{},
                  .joins = {},
                  .joined = {},
                  .period = body.period};
  std::ranges::sort(request.names);
  request.names.erase(std::unique(request.names.begin(), request.names.end()), request.names.end());
  return request;
}

}  // namespace

Refusal Machine::check_request(const Acquire& body, const Request& request) const {
  const auto in_range = [&](Duration length) {
    return length >= Duration::zero() && length <= limits_.duration_high;
  };
  const bool valid =
      body.mode <= Mode::shared && body.slots >= 1 && body.slots <= limits_.slots &&
      (body.mode == Mode::exclusive || body.slots == 1) && !request.names.empty() &&
      std::ranges::all_of(request.names, [&](const auto& name) { return valid_name(name, limits_); }) &&
      in_range(body.lock_delay) && in_range(body.min_hold) && body.inside.size() <= limits_.nesting &&
      in_range(body.period) &&
      (body.period == Duration::zero() || (body.period == body.min_hold && body.mode == Mode::exclusive));
  if (!valid) return Refusal::invalid;
  if (!body.open) {
    if (find_request(body.session, body.request) || candidacy_of(body.session, body.request) != nullptr)
      return Refusal::request_in_use;
    if (requests_of(body.session).size() >= limits_.requests_of_session) return Refusal::too_many_of_session;
  }
  if (state_.requests.size() + state_.remnants.size() >= limits_.requests) return Refusal::too_many_requests;
  if (locks_.all().size() + locks_.new_names(request) > limits_.names) return Refusal::too_many_names;
  if (name_bytes_ + bytes_of_names(request.names) > limits_.all_name_bytes) return Refusal::too_many_names;
  if (!COORD_RULE(rates_fit, locks_.period_fits(request))) return Refusal::rate_differs;
  if (!locks_.slots_fit(request)) return Refusal::slots_differ;
  return Refusal::none;
}

void Machine::on(const Acquire& body, Step& step) {
  const auto refuse = [&](Refusal why, Cycle cycle = {}) {
    cycle.resize(std::min(cycle.size(), limits_.shown_cycle));
    step.effects.push_back(Refused{step.to, body.session, body.request, why, std::move(cycle)});
  };
  if (body.names.size() > limits_.names_a_request) return refuse(Refusal::invalid);
  if (body.open && body.session.value != 0) return refuse(Refusal::invalid);
  if (body.candidacy) return campaign(body, step);

  Request request = request_from(body, step.wall);
  Refusal why = body.open ? check_open(*body.open, step.to.node) : check_session(body.session, step.to.node);
  if (why == Refusal::none) why = check_request(body, request);
  if (why == Refusal::none) why = check_user(body, step.level);
  if (why != Refusal::none) return refuse(why);
  request.inside = proved(body.inside, step.to.node);
  if (body.open) request.session = SessionId{step.index.value};
  const Entry inside = entry(request);
  if (!COORD_RULE(exclusive_in_shared_refused, !inside.shared_only))
    return refuse(Refusal::exclusive_in_shared);
  if (request.join && inside.entered.empty())
    request.joins = same_run(request, body.open ? body.open->owner.user : session(body.session)->owner.user);
  const bool admitted =
      request.joins == LogIndex{} && may_grant(inside) && locks_.admits(request, step.index, inside.entered);
  if (!admitted && !body.wait) return refuse(state_.closed ? Refusal::moving : Refusal::held);
  if (!admitted) {
    std::optional<Deadlock> deadlock = find_deadlock(*this, request, step.index);
    if (!COORD_RULE(no_wait_in_a_cycle, !deadlock))
      return refuse(Refusal::deadlock, std::move(deadlock->cycle));
  }

  if (body.open) open_session(*body.open, request.session, step);
  const Request& kept = state_.requests.emplace(step.index, std::move(request)).first->second;
  requests_of_[kept.session].emplace(kept.number, step.index);
  count_names(state_.sessions.at(kept.session).owner, kept.names);
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

void Machine::on(const Cancel& body, Step& step) {
  const Refusal why = check_session(body.session, step.to.node);
  if (why == Refusal::none && candidacy_of(body.session, body.request) != nullptr) {
    const Standing now = standing(body.session, body.request);
    if (now.kind == Standing::Kind::held) {
      step.effects.push_back(AlreadyGranted{step.to, body.session, body.request, now.token});
    } else {
      end_candidacy(body.session, body.request, step, step.to);
    }
    return;
  }
  const std::optional<LogIndex> place = find_request(body.session, body.request);
  if (why != Refusal::none || !place) {
    step.effects.push_back(Refused{
        step.to, body.session, body.request, why != Refusal::none ? why : Refusal::no_such_request, {}});
    return;
  }
  const Request& request = state_.requests.at(*place);
  if (request.held() || request.joined) {
    step.effects.push_back(AlreadyGranted{step.to, body.session, body.request, request.fence()});
  } else {
    withdraw(*place, step, step.to);
  }
}

void Machine::on(const Release& body, Step& step) {
  Refusal why = check_session(body.session, step.to.node);
  if (why == Refusal::none && standing(body.session, body.request).kind == Standing::Kind::held &&
      candidacy_of(body.session, body.request) != nullptr)
    return end_candidacy(body.session, body.request, step, step.to);
  const std::optional<LogIndex> place = find_request(body.session, body.request);
  if (why == Refusal::none && !place) why = Refusal::no_such_request;
  if (why == Refusal::none && !state_.requests.at(*place).held()) why = Refusal::not_held;
  if (why != Refusal::none) {
    step.effects.push_back(Refused{step.to, body.session, body.request, why, {}});
    return;
  }
  end_hold(*place, {CloseReason::finished, body.status}, step, step.to);
}

void Machine::grant(LogIndex place, Step& step, AnswerTo to) {
  Request& request = state_.requests.at(place);
  request.entered = entry(request).entered;
  request.token = next_token(step.index);
  request.since = step.wall;
  locks_.hold(request.names, request.slots, request.token, Holder{request.mode, place, {}}, request.entered,
              request.period);
  leave_line(place, request);
  place_of_.insert_or_assign(request.token, place);
  suspect_waits(request, step);
  step.candidates.insert(waits_under(request.session).begin(), waits_under(request.session).end());
  // Where it had stood in line it held others up; what it re-entered has not become fuller.
  if (!request.entered.empty()) step.touched.insert(request.names.begin(), request.names.end());
  step.effects.push_back(Granted{to, request.session, request.number, request.fence(), request.mode,
                                 request.slots, request.names, request.fence() != request.token});
  join_what_was_granted(place, step);
  if (request.min_hold > Duration::zero())
    step.effects.push_back(TimerStarted{TimerKind::min_hold, request.token, request.min_hold});
}

void Machine::grant_next(Step& step) {
  std::set<LogIndex>& candidates = step.candidates;
  for (;;) {
    if (!step.touched.empty()) candidates.merge(locks_.candidates(std::exchange(step.touched, {})));
    if (candidates.empty()) return;
    const LogIndex oldest = *candidates.begin();
    candidates.erase(candidates.begin());
    const Request& request = state_.requests.at(oldest);
    if (!request.in_line()) continue;
    const Entry inside = entry(request);
    if (may_grant(inside) && locks_.admits(request, oldest, inside.entered)) grant(oldest, step, {});
  }
}

// The hold is over. Its names are free, unless its minimum hold has not passed or its holder was lost.
void Machine::end_hold(LogIndex place, End end, Step& step, AnswerTo to) {
  Request request = std::move(state_.requests.at(place));
  forget_request(place, request);
  place_of_.erase(request.token);
  suspect_waits(request, step);
  note_history(request, end, step);
  end_joined(place, request, end.status, step);
  const Duration delay = COORD_RULE_OR(lock_delay_after_loss,
                                       end.lost() ? request.lock_delay : Duration::zero(), Duration::zero());
  const Duration min_hold = COORD_RULE_OR(min_hold_outlives_release, request.min_hold, Duration::zero());
  step.effects.push_back(Released{to, request.session, request.number, request.fence(), request.names});
  if (delay == Duration::zero() && min_hold == Duration::zero()) {
    locks_.let_go(request.names, request.token);
    step.touched.insert(request.names.begin(), request.names.end());
    return;
  }
  if (delay > Duration::zero())
    step.effects.push_back(TimerStarted{TimerKind::lock_delay, request.token, delay});
  locks_.hold(request.names, request.slots, request.token, Holder{request.mode, LogIndex{}, {}},
              request.entered, request.period);
  const Session* session = this->session(request.session);
  Remnant remnant{.session = request.session,
                  .node = session != nullptr ? session->node : NodeId{},
                  .owner = session != nullptr ? session->owner : Owner{},
                  .names = std::move(request.names),
                  .mode = request.mode,
                  .slots = request.slots,
                  .lock_delay = delay,
                  .min_hold = min_hold,
                  .since = request.since,
                  .entered = std::move(request.entered),
                  .period = request.period};
  owner_bytes_ += bytes_of_owner(remnant.owner);
  count_names(remnant.owner, remnant.names);
  state_.remnants.insert_or_assign(request.token, std::move(remnant));
}

void Machine::withdraw(LogIndex place, Step& step, AnswerTo to) {
  const Request request = std::move(state_.requests.at(place));
  forget_request(place, request);
  leave_line(place, request);
  step.touched.insert(request.names.begin(), request.names.end());
  step.effects.push_back(Cancelled{to, request.session, request.number});
}

void Machine::forget_request(LogIndex place, const Request& request) {
  const auto of_session = requests_of_.find(request.session);
  if (of_session != requests_of_.end()) {
    of_session->second.erase(request.number);
    if (of_session->second.empty()) requests_of_.erase(of_session);
  }
  uncount_names(state_.sessions.at(request.session).owner, request.names);
  state_.requests.erase(place);
}

bool Machine::timer_runs(TimerKind kind, Token token) const {
  if (kind > TimerKind::min_hold)
    return barriers_.timer_length(state_.barriers, kind, LogIndex{token.value}) > Duration::zero();
  if (const Leadership* leadership = leadership_of(token)) {
    const Candidate* leader = leadership->leading();
    return kind == TimerKind::min_hold &&
           (leader != nullptr ? leader->min_hold : leadership->kept) > Duration::zero();
  }
  const auto held = place_of_.find(token);
  if (held != place_of_.end())
    return kind == TimerKind::min_hold && state_.requests.at(held->second).min_hold > Duration::zero();
  const auto it = state_.remnants.find(token);
  if (it == state_.remnants.end()) return false;
  return (kind == TimerKind::min_hold ? it->second.min_hold : it->second.lock_delay) > Duration::zero();
}

void Machine::on(const TimerOver& body, Step& step) {
  if (body.kind > TimerKind::min_hold) {
    Barriers::Step barriers = in_barriers(step);
    barriers_.timer_over(barriers, body.kind, LogIndex{body.token.value});
    return take(std::move(barriers), step);
  }
  if (body.kind == TimerKind::min_hold && end_leadership_timer(body.token, step)) return;
  const auto clear = [&](Duration& timer) {
    if (timer == Duration::zero()) return;
    timer = Duration::zero();
    step.effects.push_back(TimerEnded{body.kind, body.token});
  };
  const auto held = place_of_.find(body.token);
  if (held != place_of_.end() && body.kind == TimerKind::min_hold)
    clear(state_.requests.at(held->second).min_hold);
  const auto it = state_.remnants.find(body.token);
  if (it == state_.remnants.end()) return;
  Remnant& remnant = it->second;
  clear(body.kind == TimerKind::min_hold ? remnant.min_hold : remnant.lock_delay);
  if (remnant.min_hold > Duration::zero() || remnant.lock_delay > Duration::zero()) return;
  locks_.let_go(remnant.names, body.token);
  step.touched.insert(remnant.names.begin(), remnant.names.end());
  owner_bytes_ -= bytes_of_owner(remnant.owner);
  uncount_names(remnant.owner, remnant.names);
  state_.remnants.erase(it);
}

}  // namespace coord::service
