// SPDX-License-Identifier: MIT
#include "protocol/commit/two_phase.hpp"

#include <utility>

#include "base/rule.hpp"

namespace coord::commit {

TwoPhase::TwoPhase(Instant now, Config config, Durable restored)
    : config_(std::move(config)), durable_(restored) {
  config_.group.check();
  COORD_CHECK(config_.group.knows(config_.coordinator) && config_.group.size() >= 2);
  const bool undecided_participant = !coordinates() && durable_.logged == Logged::prepared;
  const bool must_tell = coordinates() && durable_.logged == Logged::committed;
  if (undecided_participant || must_tell) {
    missing_ = others();
    wake_at_ = now;
  }
}

TwoPhase::Actions TwoPhase::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

Outcome TwoPhase::outcome() const {
  if (durable_.logged == Logged::committed) return Outcome::commit;
  return durable_.logged == Logged::aborted ? Outcome::abort : Outcome::undecided;
}

std::set<NodeId> TwoPhase::others() const {
  std::set<NodeId> all{config_.group.nodes.begin(), config_.group.nodes.end()};
  all.erase(config_.group.self);
  return all;
}

void TwoPhase::on(Instant now, const Begin&, Actions& actions) {
  if (!coordinates() || begun_ || outcome() != Outcome::undecided) return;
  begun_ = true;
  missing_ = others();
  wake_at_ = now + config_.patience;
  for (const NodeId node : missing_) actions.push_back(Send{node, Prepare{}});
}

void TwoPhase::on(Instant now, const Receive& what, Actions& actions) {
  if (what.from == config_.group.self || !config_.group.knows(what.from)) return;
  std::visit([&](const auto& message) { receive(now, what.from, message, actions); }, what.message);
}

// ---- the participant

void TwoPhase::receive(Instant, NodeId from, const Prepare&, Actions& actions) {
  if (coordinates() || from != config_.coordinator) return;
  switch (durable_.logged) {
    case Logged::nothing:
      if (!std::exchange(asked_, true)) actions.push_back(AskVote{});
      return;
    case Logged::prepared:  // our vote may have been lost
      return actions.push_back(Send{from, VoteIs{true}});
    case Logged::aborted:
      return actions.push_back(Send{from, VoteIs{false}});
    case Logged::committed:
      return;
  }
}

void TwoPhase::on(Instant now, const Vote& vote, Actions& actions) {
  if (coordinates() || durable_.logged != Logged::nothing) return;
  if (!vote.yes) {
    decide(now, Outcome::abort, actions);
    return actions.push_back(Send{config_.coordinator, VoteIs{false}});
  }
  durable_.logged = Logged::prepared;
  const bool durable_first = COORD_RULE_OR(tpc_vote_durable_before_yes, true, false);
  if (durable_first) actions.push_back(Persist{durable_});
  actions.push_back(Send{config_.coordinator, VoteIs{true}});
  if (!durable_first) actions.push_back(Persist{durable_});
  missing_ = others();
  wake_at_ = now + config_.patience;
}

// In doubt: asks whoever may know. Never decides by itself.
void TwoPhase::ask_about(Instant now, Actions& actions) {
  wake_at_ = now + config_.patience;
  if (!COORD_RULE_OR(tpc_prepared_never_decides_alone, true, !blocked_)) {
    return decide(now, Outcome::abort, actions);
  }
  if (!std::exchange(blocked_, true)) actions.push_back(Blocked{});
  missing_ = others();
  for (const NodeId node : missing_) actions.push_back(Send{node, Inquire{}});
}

void TwoPhase::receive(Instant now, NodeId from, const Inquire&, Actions& actions) {
  if (outcome() == Outcome::undecided) {
    const bool may_abort = coordinates() ? !begun_
                                         : COORD_RULE_OR(tpc_voter_of_yes_tells_nothing,
                                                         durable_.logged == Logged::nothing, true);
    if (!may_abort) return;
    decide(now, Outcome::abort, actions);  // it has not voted, or it coordinated and has forgotten: presumed
  }
  const Outcome said =
      COORD_RULE_OR(tpc_presumed_only_while_undecided, outcome(), coordinates() ? Outcome::abort : outcome());
  actions.push_back(Send{from, Decision{said}});
}

void TwoPhase::receive(Instant now, NodeId from, const Decision& message, Actions& actions) {
  if (coordinates() || message.outcome == Outcome::undecided) return;
  if (outcome() == Outcome::undecided) decide(now, message.outcome, actions);
  if (from == config_.coordinator) actions.push_back(Send{from, Acknowledge{}});
}

// ---- the coordinator

void TwoPhase::receive(Instant now, NodeId from, const VoteIs& message, Actions& actions) {
  if (!coordinates()) return;
  if (outcome() != Outcome::undecided) return actions.push_back(Send{from, Decision{outcome()}});
  if (!begun_) return decide(now, Outcome::abort, actions);  // a vote to a former life
  if (!message.yes) return decide(now, Outcome::abort, actions);
  missing_.erase(from);
  if (COORD_RULE_OR(tpc_commit_needs_all_votes, missing_.empty(), missing_.size() <= 1)) {
    decide(now, Outcome::commit, actions);
  }
}

void TwoPhase::decide(Instant now, Outcome outcome, Actions& actions) {
  const bool durable_first = !coordinates() || COORD_RULE_OR(tpc_decision_durable_before_told, true, false);
  const Logged what = outcome == Outcome::commit ? Logged::committed : Logged::aborted;
  if (durable_first) log(what, actions);
  blocked_ = false;
  missing_.clear();
  wake_at_.reset();
  if (coordinates()) {
    missing_ = others();
    wake_at_ = now + config_.patience;
    for (const NodeId node : missing_) actions.push_back(Send{node, Decision{outcome}});
  }
  if (!durable_first) log(what, actions);
  actions.push_back(Decided{outcome});
}

void TwoPhase::log(Logged what, Actions& actions) {
  durable_.logged = what;
  actions.push_back(Persist{durable_});
}

void TwoPhase::receive(Instant, NodeId from, const Acknowledge&, Actions& actions) {
  if (!coordinates() || outcome() == Outcome::undecided || told_all_) return;
  missing_.erase(from);
  if (!missing_.empty()) return;
  told_all_ = true;
  wake_at_.reset();
  actions.push_back(Completed{});
}

void TwoPhase::on(Instant now, const Tick&, Actions& actions) {
  if (!wake_at_ || now < *wake_at_) return;
  if (!coordinates()) return ask_about(now, actions);
  if (outcome() == Outcome::undecided) return decide(now, Outcome::abort, actions);  // somebody did not vote
  wake_at_ = now + config_.patience;
  for (const NodeId node : missing_) actions.push_back(Send{node, Decision{outcome()}});
}

std::string text(const TwoPhase::Message& message) {
  if (const auto* vote = std::get_if<TwoPhase::VoteIs>(&message)) return vote->yes ? "yes" : "no";
  if (const auto* decision = std::get_if<TwoPhase::Decision>(&message)) {
    return std::string(name_of(decision->outcome));
  }
  if (std::holds_alternative<TwoPhase::Prepare>(message)) return "prepare";
  return std::holds_alternative<TwoPhase::Inquire>(message) ? "what became of it?" : "acknowledge";
}

}  // namespace coord::commit
