// SPDX-License-Identifier: MIT
// What is remembered of transactions: all of a snapshot's section.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/commits/commands.hpp"

namespace coord::service {

struct Transaction {
  Token generation{};
  std::uint32_t count = 0;
  std::string user{};  // who began it
  WallTime since{};
  CommitOutcome outcome = CommitOutcome::open;
  std::string by{};
  std::map<std::string, CommitParticipant> participants{};
  CommitBy protocol = CommitBy::majority;
  Duration bound{};
  std::string first{};  // who began it: by a classical algorithm its host coordinates

  bool operator==(const Transaction&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(generation, count, user, since, outcome, by, participants, protocol, bound, first);
  }
};

struct KeptCommits {
  std::map<std::string, Transaction> transactions{};

  bool operator==(const KeptCommits&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(transactions);
  }
};

}  // namespace coord::service
