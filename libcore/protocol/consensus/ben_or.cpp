// SPDX-License-Identifier: MIT
#include "protocol/consensus/ben_or.hpp"

#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::consensus {

namespace {

// A phase further ahead than this is not kept: a node that is so far behind is told again when it gets there.
constexpr std::size_t phases_ahead = 64;
constexpr std::uint64_t rounds_limit = 1'000'000;  // bounds what is kept to say again: one byte a phase

std::size_t count_of(const std::map<NodeId, BenOr::Vote>& votes, BenOr::Vote wanted) {
  std::size_t count = 0;
  for (const auto& [node, vote] : votes) count += vote == wanted ? 1 : 0;
  return count;
}

}  // namespace

BenOr::BenOr(Config config) : config_(std::move(config)), coin_(config_.seed) {
  config_.group.check();
  COORD_CHECK(config_.group.size() > 2 * config_.crashes);
}

BenOr::Actions BenOr::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

void BenOr::on(Instant now, const Begin& begin, Actions& actions) {
  if (!said_.empty() || decided_) return;
  say(now, begin.bit ? Vote::one : Vote::zero, actions);
  advance(now, actions);
}

void BenOr::on(Instant now, const Receive& what, Actions& actions) {
  if (what.from == config_.group.self || !config_.group.knows(what.from)) return;
  std::visit([&](const auto& message) { receive(now, what.from, message, actions); }, what.message);
}

void BenOr::on(Instant now, const Tick&, Actions& actions) {
  if (!resend_at_ || now < *resend_at_) return;
  resend_at_ = now + config_.resend;
  const std::size_t phase = said_.size() - 1;
  config_.group.each_other([&](NodeId node) {
    actions.push_back(Send{node, Say{phase / 2 + 1, phase % 2 == 1, said_[phase]}});
  });
}

std::size_t BenOr::phase_of(const Say& message) const {
  return static_cast<std::size_t>(message.round - 1) * 2 + (message.proposal ? 1 : 0);
}

void BenOr::receive(Instant now, NodeId from, const Say& message, Actions& actions) {
  if (message.round == 0 || message.round > rounds_limit || message.vote > Vote::nothing) return;
  if (!message.proposal && message.vote == Vote::nothing) return;
  if (decided_) {  // all were told, but links may lose
    if (config_.resend > Duration{}) actions.push_back(Send{from, Decision{*decided_}});
    return;
  }
  const std::size_t phase = phase_of(message);
  if (phase + 1 < said_.size()) {  // it is behind, or this is a late copy: it may lack what we said there
    if (config_.resend > Duration{} && !message.again) {
      actions.push_back(Send{from, Say{message.round, message.proposal, said_[phase], true}});
    }
    return;
  }
  if (phase > said_.size() + phases_ahead) return;
  Votes& votes = heard_[phase];
  const NodeId voter = COORD_RULE_OR(ben_or_one_vote_a_node, from, NodeId{from.value + 1000 * votes.size()});
  votes.emplace(voter, message.vote);
  advance(now, actions);
}

void BenOr::receive(Instant, NodeId, const Decision& message, Actions& actions) {
  decide(message.bit, actions);
}

// Goes on as long as enough has been heard of the present phase.
void BenOr::advance(Instant now, Actions& actions) {
  const std::size_t enough = config_.group.size() - config_.crashes;
  while (!decided_ && !said_.empty() && round() < rounds_limit) {
    const std::size_t phase = said_.size() - 1;
    const Votes& votes = heard_[phase];
    if (votes.size() < enough) return;
    const Vote next = phase % 2 == 0 ? proposal_after(votes) : next_report(votes, actions);
    heard_.erase(phase);
    if (!decided_) say(now, next, actions);
  }
}

BenOr::Vote BenOr::proposal_after(const Votes& reports) const {
  const std::size_t of = COORD_RULE_OR(ben_or_majority_of_all, config_.group.size(), reports.size());
  for (const Vote bit : {Vote::zero, Vote::one}) {
    if (count_of(reports, bit) * 2 > of) return bit;
  }
  return Vote::nothing;
}

BenOr::Vote BenOr::next_report(const Votes& proposals, Actions& actions) {
  const std::size_t needed = COORD_RULE_OR(ben_or_decide_by_f_plus_one, config_.crashes + 1, 1U);
  for (const Vote bit : {Vote::zero, Vote::one}) {
    const std::size_t count = count_of(proposals, bit);
    if (count == 0) continue;
    if (count >= needed) decide(bit == Vote::one, actions);
    if (COORD_RULE_OR(ben_or_one_proposal_binds, true, count >= needed)) return bit;
  }
  const bool bit = coin_.chance(0.5);
  actions.push_back(Tossed{round(), bit});
  return bit ? Vote::one : Vote::zero;
}

void BenOr::say(Instant now, Vote vote, Actions& actions) {
  const std::size_t phase = said_.size();
  said_.push_back(vote);
  heard_[phase].emplace(config_.group.self, vote);
  if (config_.resend > Duration{}) resend_at_ = now + config_.resend;
  config_.group.each_other([&](NodeId node) {
    actions.push_back(Send{node, Say{phase / 2 + 1, phase % 2 == 1, vote}});
  });
}

void BenOr::decide(bool bit, Actions& actions) {
  if (decided_) return;
  decided_ = bit;
  resend_at_.reset();
  heard_.clear();
  actions.push_back(DecidedBit{bit, round()});
  config_.group.each_other([&](NodeId node) { actions.push_back(Send{node, Decision{bit}}); });
}

BenOr::Vote BenOr::proposal() const {
  if (said_.size() < 2) return Vote::nothing;
  return said_[said_.size() - 1 - said_.size() % 2];
}

std::string text(const BenOr::Message& message) {
  if (const auto* decision = std::get_if<BenOr::Decision>(&message)) {
    return std::string("decided ") + (decision->bit ? "1" : "0");
  }
  const auto& say = std::get<BenOr::Say>(message);
  const char* vote = say.vote == BenOr::Vote::nothing ? "nothing" : say.vote == BenOr::Vote::one ? "1" : "0";
  return fmt::format("{}{} in {}", say.proposal ? "propose " : "report ", vote, say.round);
}

}  // namespace coord::consensus
