// SPDX-License-Identifier: MIT
// A voter's word to members that do not vote: what it has applied, entry by entry.
//
// A member asks (Follow) from the place up to which it has come, and goes on asking: that is its sign of
// life, and says what has arrived. It is told every entry that this voter has applied and nothing else (Fed):
// what is only in the log may be overwritten yet. Who has nothing, or is further behind than the log reaches,
// is given the state in pieces (FedState), one a question, and goes on from there. Who has not asked for a
// while is forgotten; it asks again, here or at any other voter, from the place that it has seen last.
//
// Pure; owned by Replica. Bounds: so many members, so many bytes under way to each; one state for all.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/shared_bytes.hpp"
#include "base/time.hpp"
#include "protocol/raft/log.hpp"
#include "protocol/raft/voters.hpp"
#include "replica/messages.hpp"
#include "service/state_machine.hpp"

namespace coord::replica {

class Feed {
 public:
  // What is told from, as it is when it is told.
  struct Source {
    const raft::Log& log;
    LogIndex applied;
    const service::StateMachine& machine;
    const raft::Voters& voters;  // at `applied`
    NodeId leader;
    Term term;
  };
  using Letters = std::vector<std::pair<NodeId, PeerMessage>>;

  void asked(Instant now, NodeId member, const Follow& question);
  void parted(NodeId member);
  bool feeds(NodeId member) const { return members_.contains(member); }
  std::size_t size() const { return members_.size(); }
  // What is to be said now.
  Letters due(const Source& source);

 private:
  struct UnderWay {
    LogIndex last;
    std::size_t bytes = 0;
  };
  struct Member {
    Follow asked;           // the last question
    bool answered = false;  // it was
    LogIndex sent;          // up to here it was told
    std::deque<UnderWay> under_way{};
    std::size_t bytes_under_way = 0;
    NodeId leader;  // as it was told
    Instant heard;
  };
  struct State {
    LogIndex index;
    Level level = first_level;
    SharedBytes data;
    raft::Voters voters;
  };

  void feed(NodeId node, Member& member, const Source& source, Letters& letters);
  static Fed nothing_new(const Member& member, const Source& source);
  FedState piece_for(const Member& member, const Source& source);

  std::map<NodeId, Member> members_;
  std::optional<State> state_;  // as long as somebody is given it
};

}  // namespace coord::replica
