// SPDX-License-Identifier: MIT
#include "service/timers.hpp"

#include "base/rule.hpp"

namespace coord::service {

void LeaderTimers::set(Key key, Instant when) {
  drop(key);
  deadlines_.emplace(key, when);
  order_.emplace(when, key);
}

void LeaderTimers::drop(Key key) {
  const auto it = deadlines_.find(key);
  if (it == deadlines_.end()) return;
  order_.erase({it->second, key});
  deadlines_.erase(it);
}

void LeaderTimers::became_leader(Instant now, const StateMachine& machine) {
  leading_ = true;
  for (const auto& [id, session] : machine.state().sessions)
    set({{}, id.value}, COORD_RULE_OR(new_leader_extends_leases, now + session.ttl, now));
  start_timers(now, machine);
}

void LeaderTimers::lost_leadership() {
  leading_ = false;
  while (!deadlines_.empty() && !deadlines_.begin()->first.kind) drop(deadlines_.begin()->first);
}

// Those that came in a snapshot: how much of them has passed is not known.
void LeaderTimers::start_timers(Instant now, const StateMachine& machine) {
  for (const RunningTimer& timer : machine.running_timers()) {
    const Key key{timer.kind, timer.token.value};
    if (!deadlines_.contains(key)) set(key, now + timer.length);
  }
}

void LeaderTimers::applied(Instant now, const Effects& effects, const StateMachine& machine) {
  const auto lease = [&](SessionId id) {
    const Session* session = machine.session(id);
    if (leading_ && session != nullptr) set({{}, id.value}, now + session->ttl);
  };
  for (const Effect& effect : effects) {
    std::visit(
        [&]<class T>(const T& opened) {
          if constexpr (contains<Openings, T>) lease(opened.session);
        },
        effect);
    if (const auto* renewed = std::get_if<Renewed>(&effect)) {
      for (const auto& [id, renewal] : renewed->renewed) lease(id);
    } else if (const auto* closed = std::get_if<Closed>(&effect)) {
      drop({{}, closed->session.value});
    } else if (const auto* started = std::get_if<TimerStarted>(&effect)) {
      set({started->kind, started->token.value}, now + started->length);
    } else if (const auto* ended = std::get_if<TimerEnded>(&effect)) {
      drop({ended->kind, ended->token.value});
    }
  }
}

std::optional<Instant> LeaderTimers::deadline() const {
  if (!leading_ || order_.empty()) return std::nullopt;
  return order_.begin()->first;
}

std::vector<Command> LeaderTimers::due(Instant now, WallTime wall, const StateMachine& machine) {
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
std::optional<Body> LeaderTimers::command_for(Key key, const StateMachine& machine) const {
  if (key.kind) {
    const Token token{key.id};
    if (!machine.timer_runs(*key.kind, token)) return std::nullopt;
    return TimerOver{*key.kind, token};
  }
  const Session* session = machine.session(SessionId{key.id});
  if (session == nullptr) return std::nullopt;
  return Expire{SessionId{key.id}, session->renewal};
}

std::optional<Instant> LeaderTimers::lease_end(SessionId session) const {
  const auto it = deadlines_.find({{}, session.value});
  if (it == deadlines_.end()) return std::nullopt;
  return it->second;
}

}  // namespace coord::service
