// SPDX-License-Identifier: MIT
// What the protocols that tell all and gather from all have in common.
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>

#include "base/ids.hpp"

namespace coord::broadcast {

using Payload = std::string;  // opaque; the caller bounds its length

// What many nodes contribute, in a form that can be combined in any order.
struct Aggregate {
  std::uint64_t count = 0;
  std::int64_t sum = 0;
  std::int64_t min = 0, max = 0;  // of `count` > 0
  bool operator==(const Aggregate&) const = default;

  static Aggregate of(std::int64_t value) { return {1, value, value, value}; }
  void add(const Aggregate& other) {
    if (other.count == 0) return;
    min = count == 0 ? other.min : std::min(min, other.min);
    max = count == 0 ? other.max : std::max(max, other.max);
    count += other.count;
    // Modulo 2^64: what is added may come from anybody.
    sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum) + static_cast<std::uint64_t>(other.sum));
  }
  std::string text() const { return std::to_string(count) + " nodes, sum " + std::to_string(sum); }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(count, sum, min, max);
  }
};

// ---- said to the user
struct Delivered {  // once at every node
  Payload payload;
};
struct Gathered {  // at the root
  Aggregate aggregate;
  std::set<NodeId> missing;  // whose subtrees are not in it
};

}  // namespace coord::broadcast
