// SPDX-License-Identifier: MIT
// What a failure detector did in a run, beside what was true: how long crashes took to be noticed, how often
// and how long live nodes were suspected, and which of the classes of Chandra and Toueg (1996) the run met. A
// run can refute a class, not prove it: "eventually" is taken as: from some time before the end on.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace coord::membership {

class Observation {
 public:
  explicit Observation(std::set<NodeId> nodes) : nodes_(std::move(nodes)) {}

  // ---- in the order of time
  void suspects(Instant now, NodeId observer, NodeId subject);
  void trusts(Instant now, NodeId observer, NodeId subject);
  void crashed(Instant now, NodeId node);
  // It lives again and remembers nothing. Who suspects it still is not mistaken yet,
  // but must not go on for ever.
  void recovered(NodeId node);

  struct Verdict {
    std::vector<Duration> detection;  // of each crash by each live node, sorted
    std::uint64_t mistakes = 0;       // suspicions of live nodes
    Duration longest_mistake{};
    bool strong_completeness = false;       // in the end every crashed node is suspected by all that live
    bool weak_completeness = false;         // by some
    bool strong_accuracy = false;           // nobody was suspected before it crashed
    bool weak_accuracy = false;             // some live node never was
    bool eventual_strong_accuracy = false;  // in the last `calm` no live node was, by any live one
    bool eventual_weak_accuracy = false;    // some live node was not
    std::string name;                       // P, S, <>P, <>S, Q, W, <>Q, <>W, or none
  };
  Verdict verdict(Instant end, Duration calm) const;

 private:
  struct Mistake {
    NodeId observer, subject;
    Instant from;
    Instant to = Instant::max();  // still going on
  };
  std::set<NodeId> nodes_;
  std::map<NodeId, Instant> crashed_;
  std::map<std::pair<NodeId, NodeId>, Instant> suspected_;  // observer and subject, since when
  std::vector<Mistake> mistakes_;
};

}  // namespace coord::membership
