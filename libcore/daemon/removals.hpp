// SPDX-License-Identifier: MIT
// What `dpeers remove NAME` means, said again until it is done, on the connection of one tool.
//
// Of a host that votes, or learns, it takes that away, and the host serves on without a vote; of one that
// does not, it lets the group forget the host. Problem: an order that took the vote is said again, as its
// answer was lost, or as another operator has ordered the same; by then the host does not vote, and would be
// forgotten as well. So what has once been an order about a vote stays one.
//
// A peer without a vote hears from who leads which it is, as it may be a little behind. By what it knows
// itself goes an order that was never answered: the leader may have carried it out before it was lost.
#pragma once

#include <cstddef>
#include <map>
#include <set>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "replica/voter_order.hpp"

namespace coord::daemon {

class Removals {
 public:
  // It goes to who leads. `has_vote`: by what this peer knows.
  void asked(NodeId host, bool has_vote) {
    if (unanswered_.contains(host)) takes_vote(host);
    if (has_vote) unanswered_.insert(host);
  }
  // By who leads, or by somebody who knows of nobody who does. True: it is done without a vote that was
  // taken: the host is to be forgotten.
  bool hears(NodeId host, const replica::VoterAnswer& told) {
    using enum replica::VoterProgress;
    if (told.progress == nobody_leads && told.refusal == replica::VoterRefusal::none) return false;
    unanswered_.erase(host);
    if (told.refusal != replica::VoterRefusal::none) return false;
    // A removal that is proposed and not committed shows no vote any more: another operator has ordered it.
    if (told.progress == is_proposed || told.voters.has(host)) takes_vote(host);
    return told.progress == done && !only_votes_.contains(host);
  }
  void takes_vote(NodeId host) { only_votes_.insert(host); }
  bool is_only_vote(NodeId host) const { return only_votes_.contains(host); }
  // When it was first said that a host is to be forgotten.
  Instant forgets(NodeId host, Instant now) { return forgotten_.emplace(host, now).first->second; }
  std::size_t size() const { return only_votes_.size() + unanswered_.size() + forgotten_.size(); }

 private:
  std::set<NodeId> only_votes_;
  std::set<NodeId> unanswered_;  // that voted when they were asked for
  std::map<NodeId, Instant> forgotten_;
};

}  // namespace coord::daemon
