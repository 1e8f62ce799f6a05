// SPDX-License-Identifier: MIT
#include "protocol/commit/majority_commit.hpp"

#include <algorithm>
#include <utility>

#include "base/rule.hpp"

namespace coord::commit {

using consensus::Paxos;

namespace {

Paxos::Config agreement_of(const MajorityCommit::Config& config) {
  return {config.group, config.seed, config.ballot_retry, config.backoff};
}

}  // namespace

MajorityCommit::MajorityCommit(Instant now, Config config, Durable restored)
    : config_(std::move(config)),
      durable_(std::move(restored)),
      agreement_(agreement_of(config_), durable_.agreement) {
  COORD_CHECK(config_.group.knows(config_.coordinator) && config_.group.size() >= 2);
  if (durable_.prepared && outcome() == Outcome::undecided) patience_ends_ = now + config_.patience;
}

MajorityCommit::Actions MajorityCommit::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

Outcome MajorityCommit::outcome() const {
  if (durable_.refused) return Outcome::abort;
  if (!agreement_.chosen()) return Outcome::undecided;
  return *agreement_.chosen() == name_of(Outcome::commit) ? Outcome::commit : Outcome::abort;
}

std::optional<Instant> MajorityCommit::deadline() const {
  const auto ballot = agreement_.deadline();
  if (!ballot || !patience_ends_) return ballot ? ballot : patience_ends_;
  return std::min(*ballot, *patience_ends_);
}

void MajorityCommit::on(Instant now, const Begin&, Actions& actions) {
  if (!coordinates() || begun_ || outcome() != Outcome::undecided) return;
  begun_ = true;
  patience_ends_ = now + config_.patience;
  config_.group.each_other([&](NodeId node) {
    missing_.insert(node);
    actions.push_back(Send{node, Prepare{}});
  });
}

void MajorityCommit::on(Instant now, const Receive& what, Actions& actions) {
  if (what.from == config_.group.self || !config_.group.knows(what.from)) return;
  std::visit([&](const auto& message) { receive(now, what.from, message, actions); }, what.message);
}

void MajorityCommit::receive(Instant, NodeId from, const Prepare&, Actions& actions) {
  if (coordinates() || from != config_.coordinator) return;
  if (durable_.prepared || durable_.refused) {
    return actions.push_back(Send{from, VoteIs{durable_.prepared}});
  }
  if (!std::exchange(asked_, true)) actions.push_back(AskVote{});
}

void MajorityCommit::on(Instant now, const Vote& vote, Actions& actions) {
  if (coordinates() || durable_.prepared || durable_.refused) return;
  (vote.yes ? durable_.prepared : durable_.refused) = true;
  const bool durable_first = COORD_RULE_OR(mc_vote_durable_before_yes, true, false);
  if (durable_first) persist(actions);
  actions.push_back(Send{config_.coordinator, VoteIs{vote.yes}});
  if (!durable_first) persist(actions);
  if (vote.yes) {
    patience_ends_ = now + config_.patience;
  } else if (!agreement_.chosen()) {
    actions.push_back(Decided{Outcome::abort});
  }
}

void MajorityCommit::receive(Instant now, NodeId from, const VoteIs& message, Actions& actions) {
  if (!begun_ || outcome() != Outcome::undecided) return;
  if (!message.yes) return propose(now, Outcome::abort, actions);
  missing_.erase(from);
  if (COORD_RULE_OR(mc_commit_needs_all_votes, missing_.empty(), missing_.size() <= 1)) {
    propose(now, Outcome::commit, actions);
  }
}

// Kept waiting, for votes or for the outcome.
void MajorityCommit::on(Instant now, const Tick& tick, Actions& actions) {
  if (patience_ends_ && now >= *patience_ends_) {
    patience_ends_.reset();
    if (COORD_RULE_OR(mc_only_the_majority_decides, true, false)) {
      propose(now, Outcome::abort, actions);
    } else {
      durable_.refused = true;
      persist(actions);
      actions.push_back(Decided{Outcome::abort});
    }
  }
  static_cast<void>(tick);
  agree(now, Paxos::Tick{}, actions);
}

void MajorityCommit::propose(Instant now, Outcome outcome, Actions& actions) {
  patience_ends_.reset();
  agree(now, consensus::Propose{std::string(name_of(outcome))}, actions);
}

void MajorityCommit::receive(Instant now, NodeId from, const Agree& message, Actions& actions) {
  agree(now, Paxos::Receive{from, message.message}, actions);
}

void MajorityCommit::agree(Instant now, const Paxos::Event& event, Actions& actions) {
  for (auto& action : agreement_.step(now, event)) {
    if (auto* send = std::get_if<Paxos::Send>(&action)) {
      actions.push_back(Send{send->to, Agree{std::move(send->message)}});
    } else if (auto* stored = std::get_if<Paxos::Persist>(&action)) {
      durable_.agreement = std::move(stored->state);
      persist(actions);
    } else {
      patience_ends_.reset();
      if (!durable_.refused) actions.push_back(Decided{outcome()});
    }
  }
}

std::string text(const MajorityCommit::Message& message) {
  if (const auto* vote = std::get_if<MajorityCommit::VoteIs>(&message)) return vote->yes ? "yes" : "no";
  if (const auto* agree = std::get_if<MajorityCommit::Agree>(&message)) return text(agree->message);
  return "prepare";
}

}  // namespace coord::commit
