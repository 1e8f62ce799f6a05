// SPDX-License-Identifier: MIT
// What must hold of the acceptors of any protocol of the Paxos kind, seen from outside: from what each of
// them makes durable. Keyed by what is decided there: an instance, a place of a log.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "protocol/consensus/types.hpp"

namespace coord::catalogue {

class BallotWatch {
 public:
  struct Objection {
    const char* check = nullptr;  // nullptr: none
    std::string why;
  };

  explicit BallotWatch(std::size_t nodes) : majority_(nodes / 2 + 1) {}

  // `node` has durably accepted `value` for `key` in `ballot`; in `before` it accepted last.
  Objection accepted(NodeId node, std::uint64_t key, consensus::Ballot before, consensus::Ballot ballot,
                     const std::string& value) {
    if (ballot < before) return {"accepted_is_monotone", ballot.text() + " after " + before.text()};
    Votes& votes = votes_[{key, ballot}];
    if (votes.nodes.empty()) votes.value = value;
    if (votes.value != value) {
      return {"one_value_a_ballot", ballot.text() + " has two: " + votes.value + ", " + value};
    }
    votes.nodes.insert(node);
    if (votes.nodes.size() < majority_) return {};
    const auto [chosen, first] = chosen_.emplace(key, value);
    if (chosen->second == value) return {};
    return {"chosen_stays_chosen", value + " is chosen, and " + chosen->second + " was before"};
  }

  // Somebody says that `value` is decided: then a majority stores it.
  Objection decided(std::uint64_t key, const std::string& value) const {
    const auto chosen = chosen_.find(key);
    if (chosen != chosen_.end() && chosen->second == value) return {};
    return {"decided_is_stored", value + " was decided, and no majority stores it"};
  }

 private:
  struct Votes {
    std::string value;
    std::set<NodeId> nodes;
  };
  std::size_t majority_;
  std::map<std::pair<std::uint64_t, consensus::Ballot>, Votes> votes_;
  std::map<std::uint64_t, std::string> chosen_;
};

}  // namespace coord::catalogue
