// SPDX-License-Identifier: MIT
// Two peers whose tools propose values, as the log sees them: for scenarios, and for the removal of rules.
#pragma once

#include <cstdint>

#include "service_scenario.hpp"

namespace coord::service {

struct Debate {
  Log log;
  Peer a, b;

  Debate() : log{StateMachine::at_level(2)}, a(log, 1), b(log, 2) {}
  explicit Debate(const Limits& limits) : log{StateMachine(limits)}, a(log, 1), b(log, 2) {}

  DecisionView view(std::string name) const {
    return log.machine.of<Decisions>().answer(GetDecision{std::move(name)});
  }
  Token now(std::string name) const { return view(std::move(name)).now; }
  // By a tool that has just looked, or did when `seen` was the last token.
  std::string propose(Peer& peer, std::string name, std::string value, std::uint64_t number,
                      std::optional<Token> seen = {}) {
    const Token at = seen.value_or(now(name));
    return peer.propose(ProposeValue{std::move(name), std::move(value), at, number, "web1", 1000, "user"});
  }
  std::string forget(std::string name) { return a.propose(ForgetDecision{std::move(name), 1000, "user"}); }
  // VALUE@GENERATION of PROPOSAL, or nothing.
  std::string get(std::string name) const {
    const DecisionView is = view(std::move(name));
    if (is.of.generation == Token{}) return "";
    return is.value + "@" + std::to_string(is.of.generation.value) + " of " + std::to_string(is.of.proposal);
  }
};

}  // namespace coord::service
