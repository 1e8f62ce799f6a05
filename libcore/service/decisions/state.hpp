// SPDX-License-Identifier: MIT
// What is remembered of decisions: all of a snapshot's section.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/decisions/commands.hpp"

namespace coord::service {

struct Decision {
  std::string value{};
  Token generation{};  // above those of all decisions before, also of the same name
  std::uint64_t proposal = 0;
  std::string user{};
  std::string host{};
  WallTime since{};
  Agreement algorithm = Agreement::raft;
  std::vector<DecisionSite> sites{};  // by node; of raft none, and the value is here

  bool operator==(const Decision&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(value, generation, proposal, user, host, since, algorithm, sites);
  }
};

struct KeptDecisions {
  std::map<std::string, Decision> decisions{};
  // When each name was forgotten last; of names that are left out here: up to `forgotten_before`.
  std::map<std::string, Token> forgotten{};
  Token forgotten_before{};

  bool operator==(const KeptDecisions&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(decisions, forgotten, forgotten_before);
  }
};

}  // namespace coord::service
