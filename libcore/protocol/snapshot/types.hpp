// SPDX-License-Identifier: MIT
// What the protocols for global states have in common: the computation whose state they record, in which
// processes hand amounts to each other (money, work), and what one process has of a snapshot.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "base/ids.hpp"

namespace coord::snapshot {

using Amount = std::uint64_t;

// No process records more snapshots at once: a marker of another one is nonsense.
inline constexpr std::size_t most_at_once = 64;

// ---- wished by the user
struct Hand {  // at most what it has is handed over
  NodeId to;
  Amount amount = 0;
};

// ---- said to the user
struct Handed {
  NodeId from;
  Amount amount = 0;
};

struct Id {
  NodeId initiator;  // 0: of nobody, the numbers are counted by all together
  std::uint64_t number = 0;

  auto operator<=>(const Id&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(initiator, number);
  }
};

using Counts = std::map<NodeId, std::uint64_t>;

// The part of one process in a snapshot, when it is whole. The state of a channel is
// recorded by its receiver.
struct Recorded {
  Id snapshot;
  Amount state = 0;
  Counts sent, received;  // up to the cut
  std::map<NodeId, std::vector<Amount>> on_way;

  bool operator==(const Recorded&) const = default;
};

// What a process has, and how many messages it has sent and received on each channel.
struct Account {
  Amount balance = 0;
  Counts sent{}, received{};

  Amount pay(const Hand& hand) {
    const Amount amount = std::min(hand.amount, balance);
    balance -= amount;
    ++sent[hand.to];
    return amount;
  }
  void take(NodeId from, Amount amount) {
    balance += amount;
    ++received[from];
  }
  Recorded record(Id snapshot) const { return {snapshot, balance, sent, received, {}}; }
};

}  // namespace coord::snapshot
