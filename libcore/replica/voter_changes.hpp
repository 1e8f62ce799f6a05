// SPDX-License-Identifier: MIT
// How a leader carries out what an operator wants of the voters.
//
// The problem: "replace OLD by NEW" is many steps of Raft's (learn, catch up, hand over, remove, promote),
// each of which has to be committed before the next, and the leader may change or vanish between any two.
//
// Why the obvious answer fails: a plan that the leader keeps and works off is gone with it, or is worked off
// twice, by it and by who follows it; kept in the log it goes on when the operator has long given up.
//
// The rule: there is no plan. An order names the state that is to be reached (voter_order.hpp), and whoever
// has given it says it again every moment until it is reached. Each time the leader looks how the voters are,
// makes the one step that is next and may be made, and answers how far it is. A new leader does the same. An
// operator who stops asking leaves the group where it is, which is a whole configuration.
//
// One order at a time: until the last one is done, or has not been asked for a while, another one is refused.
// Pure; owned by Replica, of which it asks the Raft core.
#pragma once

#include <optional>

#include "base/level.hpp"
#include "base/time.hpp"
#include "protocol/raft/raft.hpp"
#include "replica/voter_order.hpp"

namespace coord::replica {

class VoterChanges {
 public:
  struct Next {
    VoterAnswer answer;
    std::optional<raft::Change> change;  // to be proposed now
    std::optional<NodeId> hand_over;     // the leadership, to this one; 0: to whom Raft chooses
  };
  // `level`: in force.
  Next next(Instant now, const raft::Raft& raft, Level level, const VoterOrder& order);

 private:
  std::optional<VoterOrder> current_;
  Instant asked_;  // for it
  Term term_;      // in which that was: what an earlier leadership was asked for binds no later one
};

}  // namespace coord::replica
