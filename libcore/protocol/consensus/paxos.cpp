// SPDX-License-Identifier: MIT
#include "protocol/consensus/paxos.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::consensus {

Paxos::Paxos(Config config, Durable restored)
    : config_(std::move(config)), durable_(std::move(restored)), random_(config_.seed) {
  config_.group.check();
  round_seen_ =
      COORD_RULE_OR(paxos_ballots_survive_restarts, std::max(durable_.round, durable_.promised.round), 0);
}

Paxos::Actions Paxos::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  while (!to_self_.empty()) {
    const Message message = std::move(to_self_.front());
    to_self_.pop_front();
    std::visit([&](const auto& what) { receive(now, config_.group.self, what, actions); }, message);
  }
  return actions;
}

void Paxos::on(Instant now, const Propose& propose, Actions& actions) {
  if (chosen()) return;
  if (!wish_) wish_ = propose.value;
  if (phase_ == Phase::idle) begin_ballot(now, actions);
}

void Paxos::on(Instant now, const Receive& what, Actions& actions) {
  if (what.from == config_.group.self || !config_.group.knows(what.from)) return;
  std::visit([&](const auto& message) { receive(now, what.from, message, actions); }, what.message);
}

void Paxos::on(Instant now, const Tick&, Actions& actions) {
  if (deadline() && now >= *retry_at_) begin_ballot(now, actions);
}

// ---- the proposer

void Paxos::begin_ballot(Instant now, Actions& actions) {
  ++attempts_;
  ballot_ = Ballot{++round_seen_, config_.group.self};
  durable_.round = ballot_.round;
  persist(actions);
  phase_ = Phase::preparing;
  answered_.clear();
  highest_ = {};
  proposed_ = *wish_;
  retry_at_.reset();
  if (config_.retry > Duration{}) retry_at_ = now + config_.retry + random_.between({}, config_.backoff);
  send_to_all(Prepare{ballot_}, actions);
}

void Paxos::receive(Instant, NodeId from, const Promise& message, Actions& actions) {
  if (phase_ != Phase::preparing) return;
  if (!COORD_RULE(paxos_answer_names_its_ballot, message.ballot == ballot_)) return;
  answered_.insert(from);
  if (message.accepted &&
      COORD_RULE_OR(paxos_highest_accepted_value, message.accepted > highest_, !highest_)) {
    highest_ = message.accepted;
    proposed_ = message.value;
  }
  if (answered_.size() >= config_.group.majority()) propose_value(actions);
}

void Paxos::propose_value(Actions& actions) {
  phase_ = Phase::accepting;
  answered_.clear();
  send_to_all(Accept{ballot_, proposed_}, actions);
}

void Paxos::receive(Instant, NodeId from, const Accepted& message, Actions& actions) {
  if (phase_ != Phase::accepting) return;
  if (!COORD_RULE(paxos_acceptance_names_its_ballot, message.ballot == ballot_)) return;
  answered_.insert(from);
  if (answered_.size() < config_.group.majority()) return;
  decide(proposed_, actions);
  config_.group.each_other([&](NodeId node) { send(node, Chosen{*chosen()}, actions); });
}

void Paxos::receive(Instant now, NodeId, const Rejected& message, Actions& actions) {
  round_seen_ = std::max(round_seen_, message.promised.round);
  if (phase_ == Phase::idle || message.ballot != ballot_ || chosen()) return;
  phase_ = Phase::idle;
  if (config_.backoff == Duration{}) return begin_ballot(now, actions);
  const Duration longest = config_.backoff * (std::int64_t{1} << std::min<std::uint64_t>(attempts_, 6));
  retry_at_ = now + random_.between({}, longest);
}

// ---- the acceptor

void Paxos::receive(Instant, NodeId from, const Prepare& message, Actions& actions) {
  round_seen_ = std::max(round_seen_, message.ballot.round);
  if (chosen()) return send(from, Chosen{*chosen()}, actions);
  if (message.ballot < durable_.promised) {
    return send(from, Rejected{message.ballot, durable_.promised}, actions);
  }
  durable_.promised = message.ballot;
  answer_durably(from, Promise{message.ballot, durable_.accepted, durable_.value}, actions);
}

void Paxos::receive(Instant, NodeId from, const Accept& message, Actions& actions) {
  round_seen_ = std::max(round_seen_, message.ballot.round);
  if (chosen()) return send(from, Chosen{*chosen()}, actions);
  if (!COORD_RULE(paxos_accept_obeys_the_promise, message.ballot >= durable_.promised)) {
    return send(from, Rejected{message.ballot, durable_.promised}, actions);
  }
  durable_.promised = COORD_RULE_OR(paxos_accept_raises_the_promise, message.ballot, durable_.promised);
  durable_.accepted = message.ballot;
  durable_.value = message.value;
  answer_durably(from, Accepted{message.ballot}, actions);
}

void Paxos::answer_durably(NodeId to, Message answer, Actions& actions) {
  if (COORD_RULE_OR(paxos_durable_before_the_answer, true, false)) {
    persist(actions);
    return send(to, std::move(answer), actions);
  }
  send(to, std::move(answer), actions);
  persist(actions);
}

// ---- the learner

void Paxos::receive(Instant, NodeId, const Chosen& message, Actions& actions) {
  if (!chosen()) decide(message.value, actions);
}

void Paxos::decide(const Value& value, Actions& actions) {
  if (chosen()) return;
  durable_.chosen = value;
  phase_ = Phase::idle;
  retry_at_.reset();
  persist(actions);
  actions.push_back(Decided{value});
}

void Paxos::send(NodeId to, Message message, Actions& actions) {
  if (to == config_.group.self) {
    to_self_.push_back(std::move(message));
  } else {
    actions.push_back(Send{to, std::move(message)});
  }
}

void Paxos::send_to_all(const Message& message, Actions& actions) {
  config_.group.each_other([&](NodeId node) { send(node, message, actions); });
  send(config_.group.self, message, actions);
}

namespace {

std::string line(const Paxos::Prepare& m) {
  return fmt::format("prepare {}", m.ballot.text());
}
std::string line(const Paxos::Promise& m) {
  const std::string before = m.accepted ? fmt::format(", accepted {} in {}", m.value, m.accepted.text()) : "";
  return fmt::format("promise {}{}", m.ballot.text(), before);
}
std::string line(const Paxos::Accept& m) {
  return fmt::format("accept {} {}", m.ballot.text(), m.value);
}
std::string line(const Paxos::Accepted& m) {
  return fmt::format("accepted {}", m.ballot.text());
}
std::string line(const Paxos::Rejected& m) {
  return fmt::format("rejected {}, promised {}", m.ballot.text(), m.promised.text());
}
std::string line(const Paxos::Chosen& m) {
  return fmt::format("chosen {}", m.value);
}

}  // namespace

std::string text(const Paxos::Message& message) {
  return std::visit([](const auto& what) { return line(what); }, message);
}

}  // namespace coord::consensus
