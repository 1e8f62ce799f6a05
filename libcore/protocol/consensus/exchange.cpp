// SPDX-License-Identifier: MIT
#include "protocol/consensus/exchange.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::consensus {

PromiseExchange::PromiseExchange(Config config) : config_(std::move(config)) {
  config_.group.check();
}

PromiseExchange::Actions PromiseExchange::step(Instant, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(what, actions); }, event);
  return actions;
}

void PromiseExchange::on(const Propose& propose, Actions& actions) {
  term_ = ++highest_;
  proposed_ = propose.value;
  committed_ = false;
  promised_ = {config_.group.self};
  acknowledged_.clear();
  config_.group.each_other([&](NodeId node) { actions.push_back(Send{node, Proposal{term_, proposed_}}); });
  commit_if_promised(actions);
}

void PromiseExchange::on(const Receive& what, Actions& actions) {
  if (what.from == config_.group.self || !config_.group.knows(what.from)) return;
  std::visit([&](const auto& message) { receive(what.from, message, actions); }, what.message);
}

void PromiseExchange::receive(NodeId from, const Proposal& message, Actions& actions) {
  if (message.term <= highest_) return;
  highest_ = message.term;
  actions.push_back(Send{from, Promise{message.term}});
}

void PromiseExchange::receive(NodeId from, const Promise& message, Actions& actions) {
  if (message.term != term_) return;
  promised_.insert(from);
  commit_if_promised(actions);
}

void PromiseExchange::commit_if_promised(Actions& actions) {
  const bool enough = promised_.size() >= config_.group.majority();
  if (committed_ || !COORD_RULE(exchange_majority_promises, enough)) return;
  committed_ = true;
  decide(proposed_, actions);
  config_.group.each_other([&](NodeId node) {
    // Also those whose promise is still on its way, or will never come.
    if (COORD_RULE_OR(exchange_commit_goes_to_all, true, promised_.contains(node)))
      actions.push_back(Send{node, Commit{term_, proposed_}});
  });
  if (missing().empty()) actions.push_back(Completed{});
}

void PromiseExchange::receive(NodeId from, const Commit& message, Actions& actions) {
  highest_ = std::max(highest_, message.term);
  decide(message.value, actions);
  actions.push_back(Send{from, Acknowledge{message.term}});
}

void PromiseExchange::receive(NodeId from, const Acknowledge& message, Actions& actions) {
  if (!committed_ || message.term != term_) return;
  if (acknowledged_.insert(from).second && COORD_RULE(exchange_complete_when_all_know, missing().empty()))
    actions.push_back(Completed{});
}

std::set<NodeId> PromiseExchange::missing() const {
  std::set<NodeId> left;
  if (!committed_) return left;
  config_.group.each_other([&](NodeId node) {
    if (!acknowledged_.contains(node)) left.insert(node);
  });
  return left;
}

void PromiseExchange::decide(const Value& value, Actions& actions) {
  if (decided_) return;  // what was told to the user is not taken back
  decided_ = value;
  actions.push_back(Decided{value});
}

std::string text(const PromiseExchange::Message& message) {
  const auto line = [](const auto& m) -> std::string {
    using Kind = std::decay_t<decltype(m)>;
    const std::string term = std::to_string(m.term);
    if constexpr (std::is_same_v<Kind, PromiseExchange::Proposal>)
      return fmt::format("propose {} in {}", m.value, term);
    if constexpr (std::is_same_v<Kind, PromiseExchange::Promise>) return fmt::format("promise {}", term);
    if constexpr (std::is_same_v<Kind, PromiseExchange::Commit>)
      return fmt::format("commit {} in {}", m.value, term);
    if constexpr (std::is_same_v<Kind, PromiseExchange::Acknowledge>)
      return fmt::format("acknowledge {}", term);
  };
  return std::visit(line, message);
}

}  // namespace coord::consensus
