// SPDX-License-Identifier: MIT
// What the protocols that agree on a value have in common.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "base/ids.hpp"

namespace coord::consensus {

using Value = std::string;  // opaque; the caller bounds its length

// The number of a proposal (Lamport, "Paxos Made Simple", 2001, section 2.2): rounds are told apart by who
// began them, so no two proposers ever have the same. {0, 0} is before all of them.
struct Ballot {
  std::uint64_t round = 0;
  NodeId node;
  auto operator<=>(const Ballot&) const = default;
  explicit operator bool() const { return round != 0; }
  std::string text() const { return std::to_string(round) + "." + std::to_string(node.value); }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(round, node);
  }
};

// ---- told by the user of this node
struct Propose {
  Value value;
};

// ---- said to him, once in the life of the process
struct Decided {
  Value value;
};

}  // namespace coord::consensus
