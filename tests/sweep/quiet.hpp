// SPDX-License-Identifier: MIT
// What must hold in good times: after the last fault service comes back, one more disturbance of a kind that
// must do no harm does none, everything that was begun is finished, and nothing of it is left behind.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sweep/casters.hpp"
#include "sweep/cluster.hpp"
#include "sweep/participants.hpp"
#include "sweep/scribes.hpp"
#include "sweep/tools.hpp"

namespace coord::sweep {

class Quiet {
 public:
  Quiet(World& world, Cluster& cluster, Tools& tools, Participants& participants, Scribes& scribes,
        Casters& casters)
      : world_(world),
        cluster_(cluster),
        tools_(tools),
        participants_(participants),
        scribes_(scribes),
        casters_(casters),
        random_(world.random().next()) {}

  // Lives through it, from now on.
  void run();
  // The operator: starts what stopped, gives a peer whose disk is damaged or replaced an
  // empty one and --rejoin.
  void repair();

 private:
  enum class Drill : std::uint8_t {
    none,
    follower_away,  // one follower hears nobody for a while
    bridge,         // the leader and a follower do not hear each other; the others hear both
    follower_deaf,  // a follower does not hear the leader
    leader_deaf,    // the leader does not hear a follower
    leader_away,    // the leader hears nobody: others take over, and it says so
    leader_leaves,  // it is told to stop and hands over
  };
  struct Seen {  // when the drill began
    NodeId leader;
    Term term;
    NodeId follower;
    std::uint64_t starts = 0;
  };

  bool refuses_damage(NodeId node) const;
  bool may_be_damaged(NodeId node) const;
  void rejoin(NodeId node);
  void service_is_back();
  void enrolled_lead();
  void drill_begins();
  void drill_half_way();
  void drill_is_over();
  void all_is_done();
  std::optional<std::string> left_behind(NodeId node) const;
  NodeId the_leader() const;  // 0: none, or more than one
  bool all_vote() const;
  void fail(const std::string& what) { world_.fail("service_is_back", what); }

  World& world_;
  Cluster& cluster_;
  Tools& tools_;
  Participants& participants_;
  Scribes& scribes_;
  Casters& casters_;
  Random random_;
  Drill drill_ = Drill::none;
  Seen before_;
};

}  // namespace coord::sweep
