// SPDX-License-Identifier: MIT
#include "protocol/consensus/multi_paxos.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::consensus {

namespace {

constexpr MultiPaxos::Slot fetched_at_once = 64;  // chosen commands sent to one that has asked for them

// Places farther ahead of what is delivered here are not dealt with: a node that is so far behind catches up
// first. Bounds what a message can make it keep, and the gaps that a new leader fills.
constexpr MultiPaxos::Slot places_ahead = 65536;

}  // namespace

MultiPaxos::MultiPaxos(Instant now, Config config, Durable restored)
    : config_(std::move(config)), durable_(std::move(restored)), random_(config_.seed) {
  config_.group.check();
  COORD_CHECK(config_.heartbeat > Duration{} && config_.heartbeat < config_.election_low);
  round_seen_ =
      COORD_RULE_OR(mp_ballots_survive_restarts, std::max(durable_.round, durable_.promised.round), 0);
  wake_at_ = patience(now);
}

MultiPaxos::Actions MultiPaxos::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  while (!to_self_.empty()) {
    const Message message = std::move(to_self_.front());
    to_self_.pop_front();
    std::visit([&](const auto& what) { receive(now, config_.group.self, what, actions); }, message);
  }
  return actions;
}

void MultiPaxos::on(Instant now, const Submit& submit, Actions& actions) {
  const Command command{config_.group.self, submit.sequence, submit.value};
  if (submit.sequence == 0 || delivered_.contains({command.origin, command.sequence})) return;
  route(now, own_.emplace(submit.sequence, Wish{command, now}).first->second, actions);
}

void MultiPaxos::on(Instant now, const Receive& what, Actions& actions) {
  if (what.from == config_.group.self || !config_.group.knows(what.from)) return;
  std::visit([&](const auto& message) { receive(now, what.from, message, actions); }, what.message);
}

void MultiPaxos::on(Instant now, const Tick&, Actions& actions) {
  if (!wake_at_ || now < *wake_at_) return;
  if (role_ == Role::leader) return beat(now, actions);
  stand(now, actions);
}

Instant MultiPaxos::patience(Instant now) {
  return now + random_.between(config_.election_low, config_.election_high);
}

// ---- becoming the leader

void MultiPaxos::stand(Instant now, Actions& actions) {
  role_ = Role::candidate;
  leader_ = {};
  ballot_ = Ballot{++round_seen_, config_.group.self};
  durable_.round = ballot_.round;
  actions.push_back(PersistPromise{durable_.round, durable_.promised});
  promised_by_.clear();
  adopted_.clear();
  proposals_.clear();
  wake_at_ = patience(now);
  send_to_all(Prepare{ballot_, delivered_to_ + 1}, actions);
}

void MultiPaxos::receive(Instant now, NodeId from, const Prepare& message, Actions& actions) {
  if (!obeys(now, from, message.ballot, actions)) return;
  durable_.promised = message.ballot;
  actions.push_back(PersistPromise{durable_.round, durable_.promised});
  Promise promise{message.ballot, {}};
  for (auto vote = durable_.accepted.lower_bound(message.from); vote != durable_.accepted.end(); ++vote) {
    if (within(vote->first)) promise.accepted.push_back(vote->second);
  }
  send(from, std::move(promise), actions);
}

void MultiPaxos::receive(Instant now, NodeId from, const Promise& message, Actions& actions) {
  if (role_ != Role::candidate) return;
  if (!COORD_RULE(mp_promise_names_its_ballot, message.ballot == ballot_)) return;
  const auto ahead = [&](const Vote& vote) { return !near(vote.slot); };
  if (std::any_of(message.accepted.begin(), message.accepted.end(), ahead)) return;
  promised_by_.insert(from);
  for (const Vote& vote : message.accepted) {
    if (!within(vote.slot)) continue;
    const auto [told, first] = adopted_.emplace(vote.slot, vote);
    if (!first && COORD_RULE_OR(mp_highest_accepted_command, vote.ballot > told->second.ballot, false)) {
      told->second = vote;
    }
  }
  if (promised_by_.size() >= config_.group.majority()) lead(now, actions);
}

void MultiPaxos::lead(Instant now, Actions& actions) {
  role_ = Role::leader;
  leader_ = config_.group.self;
  actions.push_back(Leads{ballot_});
  next_slot_ = delivered_to_ + 1;
  if (!adopted_.empty()) next_slot_ = std::max(next_slot_, adopted_.rbegin()->first + 1);
  if (!chosen_.empty()) next_slot_ = std::max(next_slot_, chosen_.rbegin()->first + 1);
  for (Slot slot = delivered_to_ + 1; slot < next_slot_; ++slot) {
    if (chosen_.contains(slot)) continue;
    const auto told = adopted_.find(slot);
    if (told != adopted_.end()) {
      propose_at(now, slot, told->second.command, actions);
    } else if (COORD_RULE_OR(mp_gaps_are_filled, true, false)) {
      propose_at(now, slot, Command{}, actions);
    }
  }
  for (auto& [sequence, wish] : own_) route(now, wish, actions);
  beat(now, actions);
}

// ---- phase 2

void MultiPaxos::route(Instant now, Wish& wish, Actions& actions) {
  wish.sent = now;
  if (role_ == Role::leader) return propose(now, wish.command, actions);
  if (leader_.value != 0) send(leader_, Forward{wish.command}, actions);
}

void MultiPaxos::receive(Instant now, NodeId, const Forward& message, Actions& actions) {
  if (role_ == Role::leader && message.command.sequence != 0) propose(now, message.command, actions);
}

void MultiPaxos::propose(Instant now, const Command& command, Actions& actions) {
  if (delivered_.contains({command.origin, command.sequence})) return;
  for (const auto& [slot, proposal] : proposals_) {
    if (proposal.command == command) return;
  }
  if (within(next_slot_)) propose_at(now, next_slot_++, command, actions);
}

void MultiPaxos::propose_at(Instant now, Slot slot, const Command& command, Actions& actions) {
  proposals_[slot] = Proposal{command, {}, now};
  send_to_all(Accept{ballot_, slot, command}, actions);
}

void MultiPaxos::receive(Instant now, NodeId from, const Accept& message, Actions& actions) {
  if (!near(message.slot) || !within(message.slot) || !obeys(now, from, message.ballot, actions)) return;
  durable_.promised = COORD_RULE_OR(mp_accept_raises_the_promise, message.ballot, durable_.promised);
  const Vote vote{message.slot, message.ballot, message.command};
  durable_.accepted[message.slot] = vote;
  actions.push_back(PersistVote{durable_.promised, vote});
  send(from, Accepted{message.ballot, message.slot}, actions);
}

void MultiPaxos::receive(Instant, NodeId from, const Accepted& message, Actions& actions) {
  if (role_ != Role::leader || message.ballot != ballot_) return;
  const auto found = proposals_.find(message.slot);
  if (found == proposals_.end()) return;
  found->second.accepted.insert(from);
  if (found->second.accepted.size() < config_.group.majority()) return;
  const Command command = found->second.command;
  proposals_.erase(found);
  learn(message.slot, command, actions);
  config_.group.each_other([&](NodeId node) { send(node, Chosen{message.slot, command}, actions); });
}

// Whether a message of this ballot may be served; if not, its sender is told.
bool MultiPaxos::obeys(Instant now, NodeId from, Ballot ballot, Actions& actions) {
  if (!COORD_RULE(mp_lower_ballots_refused, ballot >= durable_.promised)) {
    send(from, Rejected{durable_.promised}, actions);
    return false;
  }
  if (from != config_.group.self) follow(now, ballot);
  return true;
}

void MultiPaxos::follow(Instant now, Ballot ballot) {
  round_seen_ = std::max(round_seen_, ballot.round);
  if (role_ != Role::follower && ballot < ballot_) return;
  role_ = Role::follower;
  proposals_.clear();
  wake_at_ = patience(now);
}

void MultiPaxos::receive(Instant now, NodeId, const Rejected& message, Actions&) {
  if (message.promised > ballot_) follow(now, message.promised);
}

// ---- the leader's pulse, and catching up

void MultiPaxos::beat(Instant now, Actions& actions) {
  wake_at_ = now + config_.heartbeat;
  config_.group.each_other([&](NodeId node) { send(node, Heartbeat{ballot_, delivered_to_}, actions); });
  for (auto& [slot, proposal] : proposals_) {
    if (now - proposal.sent < config_.heartbeat) continue;  // the answers may be under way
    proposal.sent = now;
    for (const NodeId node : config_.group.nodes) {
      if (!proposal.accepted.contains(node)) send(node, Accept{ballot_, slot, proposal.command}, actions);
    }
  }
}

void MultiPaxos::receive(Instant now, NodeId from, const Heartbeat& message, Actions& actions) {
  if (message.ballot < durable_.promised) return send(from, Rejected{durable_.promised}, actions);
  follow(now, message.ballot);
  leader_ = message.ballot.node;
  if (message.chosen_to > delivered_to_) send(from, Missing{delivered_to_ + 1}, actions);
  for (auto& [sequence, wish] : own_) {
    if (now - wish.sent >= config_.heartbeat) route(now, wish, actions);
  }
}

void MultiPaxos::receive(Instant, NodeId from, const Missing& message, Actions& actions) {
  auto known = chosen_.lower_bound(message.from);
  for (Slot sent = 0; known != chosen_.end() && sent < fetched_at_once; ++known, ++sent) {
    send(from, Chosen{known->first, known->second}, actions);
  }
}

void MultiPaxos::receive(Instant, NodeId, const Chosen& message, Actions& actions) {
  if (message.slot != 0 && near(message.slot)) learn(message.slot, message.command, actions);
}

bool MultiPaxos::near(Slot slot) const {
  return slot <= delivered_to_ + places_ahead;
}

void MultiPaxos::learn(Slot slot, const Command& command, Actions& actions) {
  if (chosen_.emplace(slot, command).second) deliver(actions);
}

void MultiPaxos::deliver(Actions& actions) {
  for (auto next = chosen_.find(delivered_to_ + 1); next != chosen_.end();
       next = chosen_.find(delivered_to_ + 1)) {
    ++delivered_to_;
    const Command& command = next->second;
    if (command.sequence == 0) continue;
    const bool fresh = delivered_.insert({command.origin, command.sequence}).second;
    if (!COORD_RULE(mp_a_command_is_delivered_once, fresh)) continue;
    if (command.origin == config_.group.self) own_.erase(command.sequence);
    actions.push_back(Delivered{next->first, command});
  }
}

void MultiPaxos::send(NodeId to, Message message, Actions& actions) {
  if (to == config_.group.self) {
    to_self_.push_back(std::move(message));
  } else {
    actions.push_back(Send{to, std::move(message)});
  }
}

void MultiPaxos::send_to_all(const Message& message, Actions& actions) {
  config_.group.each_other([&](NodeId node) { send(node, message, actions); });
  send(config_.group.self, message, actions);
}

namespace {

using M = MultiPaxos;
std::string of(const Command& command) {
  if (command.sequence == 0) return "nothing";
  return fmt::format("{}#{}", command.origin.value, command.sequence);
}
std::string line(const M::Prepare& m) {
  return fmt::format("prepare {} from {}", m.ballot.text(), m.from);
}
std::string line(const M::Promise& m) {
  return fmt::format("promise {}, accepted {}", m.ballot.text(), m.accepted.size());
}
std::string line(const M::Accept& m) {
  return fmt::format("accept {} at {} {}", m.ballot.text(), m.slot, of(m.command));
}
std::string line(const M::Accepted& m) {
  return fmt::format("accepted {} at {}", m.ballot.text(), m.slot);
}
std::string line(const M::Rejected& m) {
  return fmt::format("rejected, promised {}", m.promised.text());
}
std::string line(const M::Chosen& m) {
  return fmt::format("chosen at {} {}", m.slot, of(m.command));
}
std::string line(const M::Heartbeat& m) {
  return fmt::format("heartbeat {} chosen to {}", m.ballot.text(), m.chosen_to);
}
std::string line(const M::Missing& m) {
  return fmt::format("missing from {}", m.from);
}
std::string line(const M::Forward& m) {
  return fmt::format("forward {}", of(m.command));
}

}  // namespace

std::string text(const MultiPaxos::Message& message) {
  return std::visit([](const auto& what) { return line(what); }, message);
}

}  // namespace coord::consensus
