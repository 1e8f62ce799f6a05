// SPDX-License-Identifier: MIT
// What must hold of the peers' logs after every step (Raft, figure 3), judged from all peers together.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "sweep/cluster.hpp"

namespace coord::sweep {

class LogInvariants {
 public:
  explicit LogInvariants(World& world) : world_(world) {}

  // Adds the checks to the world; this object must outlive the run.
  void install();

 private:
  struct Committed {
    Term term;                  // of the entry
    Term in;                    // when it was committed: later, if a later leader brought it along
    std::uint64_t content = 0;  // of the entry's bytes
  };
  struct Last {  // what was looked at of a node already, in this life of it
    const Peer* life = nullptr;
    LogIndex checked_commit;
    Term term;
    raft::Role role = raft::Role::follower;
    LogIndex matched_last;
    Term matched_term;
    LogIndex voters_index;
  };

  void look(NodeId node);
  std::optional<std::string> election_safety(NodeId node, const raft::Raft& raft);
  std::optional<std::string> leader_completeness(NodeId node, const raft::Raft& raft);
  std::optional<std::string> no_two_majorities(const raft::Raft& raft, Last& last, bool now_leads);
  std::optional<std::string> could_still_commit(NodeId node, const raft::Raft& raft) const;
  std::optional<std::string> follows_by_one(const raft::Entry& entry);
  std::optional<std::string> committed_stays(NodeId node, const raft::Raft& raft, Last& last);
  std::optional<std::string> log_matching(NodeId node, const raft::Raft& raft, Last& last);

  World& world_;
  std::map<Term, NodeId> leaders_;
  std::map<LogIndex, Committed> committed_;
  std::map<LogIndex, raft::Voters> committed_voters_;  // changes of them
  std::map<NodeId, Last> last_;
};

}  // namespace coord::sweep
