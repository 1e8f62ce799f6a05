#include "service/timers.hpp"

#include "base/rule.hpp"

namespace coord::service {

Keeper::Key Keeper::timer_key(TimerKind kind, Token token) {
  switch (kind) {
    case TimerKind::lock_delay:
      return {Kind::lock_delay, token.value};
    case TimerKind::min_hold:
      return {Kind::min_hold, token.value};
    case TimerKind::barrier_after:
      return {Kind::barrier_after, token.value};
    case TimerKind::barrier_late:
      return {Kind::barrier_late, token.value};
  }
  return {};
}

void Keeper::set(Key key, Instant when) {
  drop(key);
  deadlines_.emplace(key, when);
  order_.emplace(when, key);
}

void Keeper::drop(Key key) {
  const auto it = deadlines_.find(key);
  if (it == deadlines_.end()) return;
  order_.erase({it->second, key});
  deadlines_.erase(it);
}

void Keeper::became_leader(Instant now, const Machine& machine) {
  leading_ = true;
  for (const auto& [id, session] : machine.state().sessions)
    set({Kind::lease, id.value}, COORD_RULE_OR(new_leader_extends_leases, now + session.ttl, now));
  start_timers(now, machine);
}

void Keeper::lost_leadership() {
  leading_ = false;
  while (!deadlines_.empty() && deadlines_.begin()->first.kind == Kind::lease)
    drop(deadlines_.begin()->first);
}

// Those that came in a snapshot: how much of them has passed is not known.
void Keeper::start_timers(Instant now, const Machine& machine) {
  const auto start = [&](TimerKind kind, Token token, Duration length) {
    const Key key = timer_key(kind, token);
    if (length > Duration::zero() && !deadlines_.contains(key)) set(key, now + length);
  };
  for (const auto& [place, request] : machine.state().requests) {
    if (request.held()) start(TimerKind::min_hold, request.token, request.min_hold);
  }
  for (const auto& [token, remnant] : machine.state().remnants) {
    start(TimerKind::min_hold, token, remnant.min_hold);
    start(TimerKind::lock_delay, token, remnant.lock_delay);
  }
  for (const auto& [name, leadership] : machine.state().elections.leaderships) {
    const Candidate* leader = leadership.leading();
    start(TimerKind::min_hold, leadership.term, leader != nullptr ? leader->min_hold : leadership.kept);
  }
  for (const auto& [place, generation] : machine.barriers().generations()) {
    for (const TimerKind kind : {TimerKind::barrier_after, TimerKind::barrier_late})
      start(kind, Token{place.value}, machine.barriers().timer_length(machine.state().barriers, kind, place));
  }
}

void Keeper::applied(Instant now, const Effects& effects, const Machine& machine) {
  const auto lease = [&](SessionId id) {
    const Session* session = machine.session(id);
    if (leading_ && session != nullptr) set({Kind::lease, id.value}, now + session->ttl);
  };
  for (const Effect& effect : effects) {
    if (const auto* opened = std::get_if<Opened>(&effect)) {
      lease(opened->session);
    } else if (const auto* arrived = std::get_if<BarrierArrived>(&effect)) {
      lease(arrived->session);
    } else if (const auto* renewed = std::get_if<Renewed>(&effect)) {
      for (const auto& [id, renewal] : renewed->renewed) lease(id);
    } else if (const auto* closed = std::get_if<Closed>(&effect)) {
      drop({Kind::lease, closed->session.value});
    } else if (const auto* started = std::get_if<TimerStarted>(&effect)) {
      set(timer_key(started->kind, started->token), now + started->length);
    } else if (const auto* ended = std::get_if<TimerEnded>(&effect)) {
      drop(timer_key(ended->kind, ended->token));
    }
  }
}

std::optional<Instant> Keeper::deadline() const {
  if (!leading_ || order_.empty()) return std::nullopt;
  return order_.begin()->first;
}

std::vector<Command> Keeper::due(Instant now, WallTime wall, const Machine& machine) {
  std::vector<Command> commands;
  if (!leading_) return commands;
  while (!order_.empty() && order_.begin()->first <= now && commands.size() < batch) {
    const Key key = order_.begin()->second;
    const std::optional<Body> body = command_for(key, machine);
    if (!body) {
      drop(key);
      continue;
    }
    set(key, now + retry_);
    commands.push_back(
        Command{.node = {}, .client = {}, .sequence = 0, .acknowledged = 0, .wall = wall, .body = *body});
  }
  return commands;
}

// None: what was timed is no more (a snapshot replaced the machine's state).
std::optional<Body> Keeper::command_for(Key key, const Machine& machine) const {
  const auto over = [&](TimerKind kind) -> std::optional<Body> {
    const Token token{key.id};
    if (!machine.timer_runs(kind, token)) return std::nullopt;
    return TimerOver{kind, token};
  };
  switch (key.kind) {
    case Kind::lease: {
      const Session* session = machine.session(SessionId{key.id});
      if (session == nullptr) return std::nullopt;
      return Expire{SessionId{key.id}, session->renewal};
    }
    case Kind::lock_delay:
      return over(TimerKind::lock_delay);
    case Kind::min_hold:
      return over(TimerKind::min_hold);
    case Kind::barrier_after:
      return over(TimerKind::barrier_after);
    case Kind::barrier_late:
      return over(TimerKind::barrier_late);
  }
  return std::nullopt;
}

std::optional<Instant> Keeper::lease_end(SessionId session) const {
  const auto it = deadlines_.find({Kind::lease, session.value});
  if (it == deadlines_.end()) return std::nullopt;
  return it->second;
}

}  // namespace coord::service
