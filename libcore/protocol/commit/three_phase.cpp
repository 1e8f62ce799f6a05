// SPDX-License-Identifier: MIT
#include "protocol/commit/three_phase.hpp"

#include <algorithm>
#include <utility>

#include "base/rule.hpp"

namespace coord::commit {

ThreePhase::ThreePhase(Instant, Config config) : config_(std::move(config)) {
  config_.group.check();
  COORD_CHECK(config_.group.knows(config_.coordinator) && config_.group.size() >= 2);
}

ThreePhase::ThreePhase(Instant now, Config config, Durable restored) : ThreePhase(now, std::move(config)) {
  durable_ = restored;
  recovered_ = COORD_RULE_OR(thpc_who_came_back_only_asks, true, false);
  const bool undecided = durable_.state == State::waiting || durable_.state == State::pre_committed;
  if (undecided) wake_at_ = now;
}

ThreePhase::Actions ThreePhase::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

Outcome ThreePhase::outcome() const {
  if (durable_.state == State::committed) return Outcome::commit;
  return durable_.state == State::aborted ? Outcome::abort : Outcome::undecided;
}

void ThreePhase::on(Instant now, const Receive& what, Actions& actions) {
  if (what.from == config_.group.self || !config_.group.knows(what.from)) return;
  std::visit([&](const auto& message) { receive(now, what.from, message, actions); }, what.message);
}

// ---- the coordinator

void ThreePhase::on(Instant now, const Begin&, Actions& actions) {
  if (!coordinates() || durable_.state != State::initial) return;
  enter(State::waiting, actions);
  begin(Task::collecting_votes, now);
  send_to_others(CanCommit{}, actions);
}

void ThreePhase::begin(Task task, Instant now) {
  task_ = task;
  missing_ = {config_.group.nodes.begin(), config_.group.nodes.end()};
  missing_.erase(config_.group.self);
  wake_at_ = now + 2 * config_.delay + std::chrono::milliseconds(1);  // there and back: who is silent is dead
}

void ThreePhase::receive(Instant now, NodeId from, const VoteIs& message, Actions& actions) {
  if (task_ != Task::collecting_votes) return;
  if (!message.yes) return decide(Outcome::abort, true, actions);
  missing_.erase(from);
  if (!missing_.empty()) return;
  if (COORD_RULE_OR(thpc_pre_commit_before_commit, true, false)) return pre_commit_all(now, actions);
  decide(Outcome::commit, true, actions);
}

void ThreePhase::pre_commit_all(Instant now, Actions& actions) {
  enter(State::pre_committed, actions);
  begin(Task::pre_committing, now);
  send_to_others(PreCommit{}, actions);
}

void ThreePhase::receive(Instant, NodeId from, const Ready&, Actions& actions) {
  if (task_ != Task::pre_committing) return;
  missing_.erase(from);
  if (missing_.empty()) decide(Outcome::commit, true, actions);
}

// Who has not answered in time has crashed.
void ThreePhase::on(Instant now, const Tick&, Actions& actions) {
  if (!wake_at_ || now < *wake_at_) return;
  wake_at_.reset();
  switch (task_) {
    case Task::collecting_votes:
      return decide(Outcome::abort, true, actions);
    case Task::pre_committing:
      return decide(Outcome::commit, true, actions);
    case Task::collecting_states:
      return terminate(now, actions);
    case Task::none:
      break;
  }
  if (outcome() != Outcome::undecided) return;
  if (!recovered_) return take_over(now, actions);
  wake_at_ = now + 4 * config_.delay;
  send_to_others(Inquire{}, actions);
}

// ---- the termination protocol

void ThreePhase::take_over(Instant now, Actions& actions) {
  actions.push_back(TakesOver{});
  begin(Task::collecting_states, now);
  states_.clear();
  states_[config_.group.self] = durable_.state;
  send_to_others(AskState{}, actions);
}

void ThreePhase::receive(Instant now, NodeId from, const AskState&, Actions& actions) {
  if (recovering()) return;
  if (task_ == Task::none) heard_from_coordinator(now);
  actions.push_back(Send{from, StateIs{durable_.state}});
}

void ThreePhase::receive(Instant now, NodeId from, const StateIs& message, Actions& actions) {
  if (task_ != Task::collecting_states || message.state > State::aborted) return;
  states_[from] = message.state;
  missing_.erase(from);
  if (missing_.empty()) terminate(now, actions);
}

void ThreePhase::terminate(Instant now, Actions& actions) {
  const auto any = [&](State wanted) {
    return std::any_of(states_.begin(), states_.end(), [&](const auto& is) { return is.second == wanted; });
  };
  if (any(State::committed)) return decide(Outcome::commit, true, actions);
  if (any(State::aborted) || any(State::initial)) return decide(Outcome::abort, true, actions);
  if (COORD_RULE_OR(thpc_one_pre_committed_commits, any(State::pre_committed), false)) {
    return pre_commit_all(now, actions);
  }
  decide(COORD_RULE_OR(thpc_all_uncertain_abort, Outcome::abort, Outcome::commit), true, actions);
}

// ---- the participant

void ThreePhase::receive(Instant, NodeId from, const CanCommit&, Actions& actions) {
  if (durable_.state != State::initial || from != config_.coordinator) return;
  if (!std::exchange(asked_, true)) actions.push_back(AskVote{});
}

void ThreePhase::on(Instant now, const Vote& vote, Actions& actions) {
  if (coordinates() || durable_.state != State::initial) return;
  if (vote.yes) {
    enter(State::waiting, actions);
    heard_from_coordinator(now);
  } else {
    decide(Outcome::abort, false, actions);
  }
  actions.push_back(Send{config_.coordinator, VoteIs{vote.yes}});
}

void ThreePhase::receive(Instant now, NodeId from, const PreCommit&, Actions& actions) {
  if (recovering()) return;
  if (durable_.state == State::waiting) enter(State::pre_committed, actions);
  if (durable_.state != State::pre_committed) return;
  heard_from_coordinator(now);
  actions.push_back(Send{from, Ready{}});
}

// A coordinator that lives is never silent for longer than 4 delays; who comes first in order takes over
// first, and has been heard by all before the next one would.
void ThreePhase::heard_from_coordinator(Instant now) {
  if (outcome() != Outcome::undecided || durable_.state == State::initial) return;
  const auto rank = static_cast<std::int64_t>(config_.group.rank(config_.group.self));
  wake_at_ = now + config_.delay * (6 + 12 * rank);
}

void ThreePhase::receive(Instant, NodeId from, const Decision& message, Actions& actions) {
  if (message.outcome == Outcome::undecided) return;
  if (outcome() == Outcome::undecided) decide(message.outcome, false, actions);
  actions.push_back(Send{from, Acknowledge{}});
}

void ThreePhase::receive(Instant, NodeId, const Acknowledge&, Actions&) {}

void ThreePhase::receive(Instant, NodeId from, const Inquire&, Actions& actions) {
  if (outcome() != Outcome::undecided) actions.push_back(Send{from, Decision{outcome()}});
}

void ThreePhase::decide(Outcome outcome, bool tell, Actions& actions) {
  enter(outcome == Outcome::commit ? State::committed : State::aborted, actions);
  task_ = Task::none;
  wake_at_.reset();
  if (tell) send_to_others(Decision{outcome}, actions);
  actions.push_back(Decided{outcome});
}

void ThreePhase::enter(State state, Actions& actions) {
  durable_.state = state;
  actions.push_back(Persist{durable_});
}

void ThreePhase::send_to_others(const Message& message, Actions& actions) {
  config_.group.each_other([&](NodeId node) { actions.push_back(Send{node, message}); });
}

std::string_view name_of(ThreePhase::State state) {
  switch (state) {
    case ThreePhase::State::initial:
      return "initial";
    case ThreePhase::State::waiting:
      return "waiting";
    case ThreePhase::State::pre_committed:
      return "pre-committed";
    case ThreePhase::State::committed:
      return "committed";
    case ThreePhase::State::aborted:
      break;
  }
  return "aborted";
}

namespace {

using T = ThreePhase;
std::string line(const T::CanCommit&) {
  return "can commit?";
}
std::string line(const T::VoteIs& m) {
  return m.yes ? "yes" : "no";
}
std::string line(const T::PreCommit&) {
  return "pre-commit";
}
std::string line(const T::Ready&) {
  return "ready";
}
std::string line(const T::Decision& m) {
  return std::string(name_of(m.outcome));
}
std::string line(const T::Acknowledge&) {
  return "acknowledge";
}
std::string line(const T::AskState&) {
  return "state?";
}
std::string line(const T::StateIs& m) {
  return std::string(name_of(m.state));
}
std::string line(const T::Inquire&) {
  return "what became of it?";
}

}  // namespace

std::string text(const ThreePhase::Message& message) {
  return std::visit([](const auto& what) { return line(what); }, message);
}

}  // namespace coord::commit
