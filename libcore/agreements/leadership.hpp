// SPDX-License-Identifier: MIT
// What a host keeps of leaderships that hosts settle among themselves (part_elections.cpp, part_leases.cpp).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agreements/peer_messages.hpp"
#include "agreements/site.hpp"
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

// A leadership for which this host stands, by its tools in the order in which they came.
using RaceKey = std::pair<ElectBy, std::string>;
struct Race {
  Duration bound{};
  std::deque<Tool> standing{};  // the first one stands; the others after it
  std::unique_ptr<classical::Instance> core{};
  std::vector<NodeId> candidates{};  // when that was made: role 2 and so on
  bool leads = false;
  bool told = false;                   // the others, that it leads
  std::optional<Instant> begins_at{};  // elected, and leads from then on
  NodeId leader{};                     // by bully
  Instant heard{};                     // that it leads
  Instant beat_at{};
  std::uint64_t term = 0;
  std::uint32_t depth = 0;
  std::map<std::string, std::uint64_t> messages{};
};

}  // namespace coord::agreements
