// SPDX-License-Identifier: MIT
#include "sweep/invariants.hpp"

#include <algorithm>

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
