// SPDX-License-Identifier: MIT
#include "sweep/invariants.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include "protocol/raft/quorum.hpp"

namespace coord::sweep {

namespace {

std::uint64_t content_of(const raft::Entry& entry) {
  std::uint64_t hash =
      1469598103934665603U ^ static_cast<std::uint64_t>(entry.kind) ^ std::uint64_t{entry.level} << 8U;
  for (const std::uint8_t byte : entry.data) hash = (hash ^ byte) * 1099511628211U;
  return hash;
}

std::string number(std::uint64_t value) {
  return std::to_string(value);
}

}  // namespace

void LogInvariants::install() {
  world_.add_check("log", [this](const World&, NodeId node) -> std::optional<std::string> {
    look(node);
    return std::nullopt;
  });
}

void LogInvariants::look(NodeId node) {
  if (node == NodeId{}) return;
  const Peer* peer = world_.node(node);
  Last& last = last_[node];
  if (peer == nullptr) {
    last.life = nullptr;
    return;
  }
  if (peer->voter() == nullptr) return;
  const raft::Raft& raft = peer->replica().raft();
  if (last.life != peer) {
    last = Last{};
    last.life = peer;
    last.checked_commit = raft.log().base();
    // A peer alone hands entries to the kernel without a sync, and says so: a power cut takes them back.
    if (world_.nodes() == 1) committed_.erase(committed_.upper_bound(raft.last_index()), committed_.end());
  }
  const auto judge = [&](const char* check, const std::optional<std::string>& wrong) {
    if (wrong) world_.fail(check, *wrong, node);
  };
  judge("election_safety", election_safety(node, raft));
  const bool now_leads =
      raft.role() == raft::Role::leader && (last.role != raft::Role::leader || last.term != raft.term());
  if (now_leads) judge("leader_completeness", leader_completeness(node, raft));
  judge("no_two_majorities", no_two_majorities(raft, last, now_leads));
  last.role = raft.role();
  last.term = raft.term();
  judge("committed_stays", committed_stays(node, raft, last));
  judge("log_matching", log_matching(node, raft, last));
}

// At most one leader can be elected in a given term.
std::optional<std::string> LogInvariants::election_safety(NodeId node, const raft::Raft& raft) {
  if (raft.role() != raft::Role::leader) return std::nullopt;
  const NodeId first = leaders_.emplace(raft.term(), node).first->second;
  if (first == node) return std::nullopt;
  return "nodes " + number(first.value) + " and " + number(node.value) + " both lead term " +
         number(raft.term().value);
}

// If an entry is committed in some term, it is present in the logs of the leaders of all later terms.
std::optional<std::string> LogInvariants::leader_completeness(NodeId node, const raft::Raft& raft) {
  for (const auto& [index, committed] : committed_) {
    if (index <= raft.log().base() || committed.in >= raft.term()) continue;
    const std::optional<Term> term = raft.log().term_at(index);
    if (term == committed.term) continue;
    return "node " + number(node.value) + " leads term " + number(raft.term().value) + " without entry " +
           number(index.value) + ", committed in term " + number(committed.in.value);
  }
  return std::nullopt;
}

// A leader of an earlier term that does not know of the latest one could still commit something: so many of
// its voters, by its log, are in no later term. One that has come back empty is in none, and
// counts for nothing.
std::optional<std::string> LogInvariants::could_still_commit(NodeId node, const raft::Raft& raft) const {
  const auto latest = leaders_.rbegin();
  if (raft.role() != raft::Role::leader || latest->first <= raft.term()) return std::nullopt;
  std::size_t with_it = 0;
  for (const NodeId voter : raft.voters().voters) {
    const Peer* peer = world_.node(voter);
    if (peer == nullptr || peer->voter() == nullptr) continue;
    const raft::Raft& of_voter = peer->voter()->raft();
    if (of_voter.role() == raft::Role::bootstrap || of_voter.recovering()) continue;
    with_it += of_voter.term() <= raft.term() ? 1 : 0;
  }
  if (with_it < raft::majority_of(raft.voters().voters.size())) return std::nullopt;
  return "node " + number(latest->second.value) + " leads term " + number(latest->first.value) +
         ", and a majority of the voters of node " + number(node.value) +
         " is still with that one, in term " + number(raft.term().value);
}

// Voters that change: whatever each peer takes for them at the moment, a majority of them has a voter in
// common with what has elected the latest leader, and changes are committed one by one.
std::optional<std::string> LogInvariants::no_two_majorities(const raft::Raft& raft, Last& last,
                                                            bool now_leads) {
  if (raft.role() != raft::Role::leader) return std::nullopt;
  if (now_leads || raft.voters_index() != last.voters_index) {
    last.voters_index = raft.voters_index();
    // What nobody has committed: a new leader may not know of all that is.
    const LogIndex committed = committed_.empty() ? LogIndex{} : committed_.rbegin()->first;
    std::size_t open = 0;
    for (LogIndex at = raft.log().last(); at > committed && at > raft.log().base(); --at.value)
      open += raft.log().at(at)->kind == raft::EntryKind::members ? 1 : 0;
    if (open > 1) return "a leader has " + number(open) + " changes of the voters that are not committed";
  }
  for (std::size_t i = 1; i <= world_.nodes(); ++i) {
    const Peer* other = world_.node(NodeId{i});
    if (other == nullptr || other->voter() == nullptr) continue;
    if (auto wrong = could_still_commit(NodeId{i}, other->voter()->raft())) return wrong;
  }
  return std::nullopt;
}

std::optional<std::string> LogInvariants::follows_by_one(const raft::Entry& entry) {
  if (entry.kind != raft::EntryKind::members) return std::nullopt;
  const auto voters = raft::decode_voters(entry.data);
  if (!voters) return "entry " + number(entry.index.value) + " says of no voters who they are";
  const auto after = committed_voters_.emplace(entry.index, *voters).first;
  if (after == committed_voters_.begin()) return std::nullopt;
  std::vector<NodeId> different;
  std::ranges::set_symmetric_difference(std::prev(after)->second.voters, voters->voters,
                                        std::back_inserter(different));
  if (different.size() <= 1) return std::nullopt;
  return "the voters of entry " + number(entry.index.value) + " differ by " + number(different.size()) +
         " from those before";
}

// What was committed once, and so acknowledged, is what every peer holds there for ever.
std::optional<std::string> LogInvariants::committed_stays(NodeId node, const raft::Raft& raft, Last& last) {
  last.checked_commit = std::max(last.checked_commit, raft.log().base());
  while (last.checked_commit < raft.commit_index()) {
    last.checked_commit.value++;
    const raft::Entry* entry = raft.log().at(last.checked_commit);
    if (entry == nullptr) {
      return "node " + number(node.value) + " has committed entry " + number(last.checked_commit.value) +
             " and does not hold it";
    }
    const Committed here{entry->term, raft.term(), content_of(*entry)};
    const Committed first = committed_.emplace(entry->index, here).first->second;
    if (const auto wrong = follows_by_one(*entry)) return wrong;
    if (first.term != here.term || first.content != here.content) {
      return "entry " + number(entry->index.value) + " was committed in term " + number(first.term.value) +
             ", and node " + number(node.value) + " commits another, of term " + number(here.term.value);
    }
  }
  return std::nullopt;
}

// If two logs contain an entry with the same index and term, they are identical up to it. Looked at when a
// log's end has changed, over the entries around it.
std::optional<std::string> LogInvariants::log_matching(NodeId node, const raft::Raft& raft, Last& last) {
  if (last.matched_last == raft.log().last() && last.matched_term == raft.log().last_term())
    return std::nullopt;
  last.matched_last = raft.log().last();
  last.matched_term = raft.log().last_term();
  constexpr std::uint64_t depth = 16;
  for (std::size_t i = 1; i <= world_.nodes(); ++i) {
    const Peer* other = world_.node(NodeId{i});
    if (other == nullptr || other->voter() == nullptr || NodeId{i} == node) continue;
    const raft::Log& theirs = other->replica().raft().log();
    const std::uint64_t top = std::min(raft.log().last().value, theirs.last().value);
    bool same = false;
    for (std::uint64_t at = top; at > 0 && at + depth > top; --at) {
      const raft::Entry* a = raft.log().at(LogIndex{at});
      const raft::Entry* b = theirs.at(LogIndex{at});
      if (a == nullptr || b == nullptr) break;
      if (a->term == b->term) {
        if (a->data != b->data || a->kind != b->kind || a->level != b->level) {
          return "nodes " + number(node.value) + " and " + number(i) + " hold different entries " +
                 number(at) + " of term " + number(a->term.value);
        }
        same = true;
      } else if (same) {
        return "nodes " + number(node.value) + " and " + number(i) + " agree after entry " + number(at) +
               " and not on it";
      }
    }
  }
  return std::nullopt;
}

}  // namespace coord::sweep
