// SPDX-License-Identifier: MIT
// The group's level in a run: the operator who upgrades its peers one by one, and takes some back, and what
// must hold meanwhile (base/level.hpp):
//
//   nothing of a level is sent before a machine has applied its raise, or on a connection that was greeted
//   with an earlier one; when a raise is applied, the process of every voter's registration knows the level;
//   once every peer knows it and there is quiet, the group is at it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "sweep/cluster.hpp"

namespace coord::sweep {

class Levels final : public LevelWatcher {
 public:
  // `upgrades`: all begin with an earlier release, and this operator acts until `end`. An engine's log begins
  // at the newest level: there the later release is one that is not written yet.
  Levels(World& world, Cluster& cluster, std::uint64_t seed, bool upgrades, Instant end);

  void begin();
  void judge_end();

  void began(NodeId node, const Peer& peer) override;
  void sent(NodeId node, const PeerMessage& message) override;
  void raised(NodeId node, const Peer& peer, Level level) override;

 private:
  void act();
  void install(NodeId node, Level release);
  void note_life(NodeId node);
  bool raise_was_tried() const;
  bool all_take_part() const;
  void judge_gateways();
  void fail(const std::string& why);

  World& world_;
  Cluster& cluster_;
  const bool upgrades_;
  const Level earlier_, later_;
  const Instant end_;
  Random random_;
  Level in_force_ = first_level;                  // the highest that any machine has applied
  std::map<std::uint64_t, Level> knows_of_life_;  // by the nonce of each process
  std::optional<std::string> wrong_;              // seen in a step, told after it
  bool tried_ = false;                            // a raise has been in some log
};

}  // namespace coord::sweep
