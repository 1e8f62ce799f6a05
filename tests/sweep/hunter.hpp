// SPDX-License-Identifier: MIT
// Trouble for whoever leads. Random partitions rarely separate a leader at the moment when it has spread an
// entry to some of the others only, and what Raft's figure 8 is about needs that several times in a row.
#pragma once

#include "base/random.hpp"
#include "sweep/cluster.hpp"

namespace coord::sweep {

class Hunter {
 public:
  // Strikes about every `gap` until `end`. It owns the network's cuts meanwhile. Must outlive the run.
  Hunter(World& world, Duration gap, Instant end)
      : world_(world), random_(world.random().next()), gap_(gap), end_(end) {}

  void begin();

 private:
  void strike();
  void cut_off(NodeId leader);
  void lose_what_is_not_durable(NodeId leader);
  NodeId leader() const;  // 0: none; the one of the latest term

  World& world_;
  Random random_;
  Duration gap_;
  Instant end_;
};

}  // namespace coord::sweep
