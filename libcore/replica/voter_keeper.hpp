// SPDX-License-Identifier: MIT
// Which order a group gives itself so that so many of its hosts vote (`dpeers voters N`).
//
// The problem: a voter whose host is gone for good counts against every majority until an operator takes it
// out, and he may not come for days. The next loss may then stop the group.
//
// Why the obvious answer fails: whoever notices first and acts makes two who act, each on its own view; and
// what hosts tell of each other is hearsay. A voter removed by mistake is one that a group of three needs.
//
// The rule: only the leader decides, only by its own contact (when the others have answered its rounds, which
// is what its leadership hangs on, too), and only over a time of unbroken leadership: a new leader, or one
// that was suspended, begins to count anew. It gives the order that an operator would give, `replace`: the
// new one stands ready, caught up, before the old one goes (voter_changes.hpp), and one that is heard again
// meanwhile stays. One replacement an hour, whoever leads (service::Replacing stands in the log), so that a
// fault that is not the host's does not go through all hosts. While the operator works on hosts it pauses,
// and whose vote he has taken away it does not give back by itself. Who comes in stands where the fewest
// voters do, and who is too many where the most do. Where hosts are there again by which the voters would
// stand in more zones than a replacement has left them in, one of those that share theirs is replaced, too,
// within the same limit. Pure; for Replica, which asks it twice a second while it
// leads.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "protocol/raft/voters.hpp"
#include "replica/voter_order.hpp"
#include "service/commands.hpp"

namespace coord::replica {

class VoterKeeper {
 public:
  static constexpr Duration between_replacements = std::chrono::hours(1);
  // An order that has come to nothing for so long is given up, and whom it was to bring in avoided.
  static constexpr Duration order_patience = std::chrono::minutes(2);
  static constexpr Duration avoided_for = std::chrono::minutes(30);
  // Looked at less often: it was suspended, and what it knows of the others is from before.
  static constexpr Duration longest_gap = std::chrono::seconds(5);

  // As the leader has it now.
  struct View {
    NodeId self;
    service::VoterPolicy policy;
    raft::Voters voters;
    std::map<NodeId, Instant> heard;             // others that vote or learn: when they have answered last
    std::vector<NodeId> candidates;              // hosts of the group that are connected and do not vote
    std::map<NodeId, std::string> zones{};       // where they stand, of those that have said so
    Duration contact = std::chrono::seconds(1);  // a voter that has answered within it is there
    Duration least_after{};                      // below this nobody is silent, whatever the policy says
    bool paused = false;                         // by the operator, and not over
    std::optional<Instant> replaced{};           // when this peer learnt that a voter was replaced last
  };

  // What to order now, said again until it is done.
  std::optional<VoterOrder> next(Instant now, const View& view);
  // What came of it.
  void answered(const VoterOrder& order, const VoterAnswer& answer);
  // An operator has ordered something.
  void ordered(Instant now, const VoterOrder& order);
  // It does not lead.
  void reset();

 private:
  std::optional<VoterOrder> choose(Instant now, const View& view) const;
  std::optional<NodeId> candidate(const View& view, std::optional<NodeId> goes) const;
  std::optional<VoterOrder> better_spread(const View& view) const;
  bool is_there(Instant now, const View& view, NodeId voter) const;
  std::optional<NodeId> silent_voter(Instant now, const View& view) const;
  bool is_silent(Instant now, const View& view, NodeId voter) const;
  bool is_wanted(Instant now, const View& view, const VoterOrder& order) const;
  static Duration after(const View& view);

  std::optional<Instant> since_;  // it leads without a break
  Instant looked_;
  std::optional<VoterOrder> order_;  // is being carried out
  bool spreads_ = false;             // that order: both are there, and one stands better
  Instant ordered_;
  std::map<NodeId, Instant> avoided_;  // until when
};

}  // namespace coord::replica
