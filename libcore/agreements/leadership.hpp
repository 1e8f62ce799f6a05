// SPDX-License-Identifier: MIT
// What a host keeps of leaderships that hosts settle among themselves (part_elections.cpp, part_leases.cpp).
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agreements/peer_messages.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "classical/registry.hpp"

namespace coord::agreements {

struct Belief {
  NodeId leader;
  Instant until;
};
struct Store {  // of leases
  Duration bound;
  std::unique_ptr<classical::Instance> core;
  std::vector<NodeId> candidates{};  // role 2 and so on, in the order in which they came
};
// The longest lease that was given is on the disk before it is given: one that stands may be of an earlier
// life of this process, which is waited for.
struct LongestLease {
  Duration before{};               // of earlier lives
  std::optional<Duration> kept{};  // of this one
  Duration saving{};
  std::vector<std::pair<NodeId, Election>> waiting{};  // for that
};

}  // namespace coord::agreements
