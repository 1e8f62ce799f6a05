// SPDX-License-Identifier: MIT
// What the machines of all peers say that they have applied, judged together: the first to apply
// an entry decides what it did, the others must agree; a command takes effect once; tokens
// increase from entry to entry.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sweep/cluster.hpp"
#include "sweep/history.hpp"

namespace coord::sweep {

// dlock --rate: so many commands begin in any period.
struct Rate {
  std::uint32_t permits = 1;
  Duration period{};
};
std::optional<Rate> rate_of(const std::string& name);  // what all users of this name agree on

class Ledger {
 public:
  explicit Ledger(World& world) : world_(world) {}

  void applied(NodeId node, const replica::Applied& applied);
  // An engine that keeps the log has gone back: entries come again, and others in their places. What holders
  // are told is judged all the same (tools_checks.cpp).
  void log_was_restored() { restored_ = true; }
  // All grants in the log, by token, of names that one at a time, or shared ones, hold.
  const std::multimap<Token, Unheard>& grants() const { return grants_; }

 private:
  void forget_from(std::uint64_t index);
  void check_once(NodeId node, std::uint64_t index, const service::Effect& effect);
  void check_rate(const std::string& name);
  void check_tokens(NodeId node, std::uint64_t index, const service::Effects& effects);

  World& world_;
  bool restored_ = false;
  std::map<std::uint64_t, service::Effects> log_;  // by index
  Token top_token_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t>
      took_effect_;  // (client, sequence) to index
  std::multimap<Token, Unheard> grants_;
  std::map<std::string, std::vector<Instant>> permits_;  // when each was given
};

}  // namespace coord::sweep
