// SPDX-License-Identifier: MIT
// What a Cluster shows, and the invariants that it checks after every step.
#include <algorithm>
#include <cstdio>

#include "protocol/raft/quorum.hpp"
#include "raft_cluster.hpp"

namespace raft_test {

// ---- looking at it

char Cluster::leader() const {
  char best = 0;
  for (const auto& [name, peer] : peers_) {
    if (!peer.raft || peer.raft->role() != Role::leader) continue;
    if (best == 0 || peer.raft->term() > peers_.at(best).raft->term()) best = name;
  }
  return best;
}

bool Cluster::has_applied(char name, const std::string& command) const {
  const auto& applied = peers_.at(name).applied;
  return std::any_of(applied.begin(), applied.end(), [&](const auto& a) { return a.second == command; });
}

bool Cluster::applied_everywhere(const std::string& command) const {
  return std::all_of(peers_.begin(), peers_.end(), [&](const auto& p) {
    return p.second.raft == nullptr || has_applied(p.first, command);
  });
}

std::set<std::string> Cluster::committed_commands() const {
  std::set<std::string> out;
  for (const auto& [index, entry] : committed_) out.insert(command_of(entry));
  return out;
}

std::size_t Cluster::committed_changes() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(committed_, [](const auto& at) { return at.second.kind == EntryKind::members; }));
}

void Cluster::note(const std::string& line) {
  char time[16];
  std::snprintf(time, sizeof time, "[%4d] ", now_ms());
  trace_.push_back(time + line);
  if (trace_.size() > 20000) trace_.erase(trace_.begin(), trace_.begin() + 10000);
}

std::string Cluster::trace() const {
  std::string out;
  for (const std::string& line : trace_) out += line + "\n";
  return out;
}

// ---- invariants (paper, figure 3)

void Cluster::violated(const std::string& what) {
  if (!violation.empty()) return;
  violation = "at " + std::to_string(now_ms()) + " ms: " + what;
  note("VIOLATION: " + what);
}

void Cluster::check_step(char name) {
  const Raft& raft = *peers_.at(name).raft;
  if (raft.role() != Role::leader) return;
  const auto [known, first] = leaders_.emplace(raft.term(), name);
  if (known->second != name) {
    violated(std::string("election safety: ") + known->second + " and " + name + " lead term " +
             std::to_string(raft.term().value));
  }
  if (!first || committed_.empty()) return;
  const auto& [index, last] = *committed_.rbegin();
  const auto term = raft.log().term_at(index);
  if (index > raft.log().base() && (!term || *term != last.term)) {
    violated(std::string("leader completeness: ") + name + " leads term " +
             std::to_string(raft.term().value) + " without the committed entry " +
             std::to_string(index.value));
  }
}

void Cluster::check_apply(char name, const Entry& entry) {
  Peer& peer = peers_.at(name);
  if (entry.index.value != peer.applied_index.value + 1) {
    violated(std::string(1, name) + " applies " + std::to_string(entry.index.value) + " after " +
             std::to_string(peer.applied_index.value));
  }
  peer.applied_index = entry.index;
  peer.applied_term = entry.term;
  if (entry.kind == EntryKind::command) peer.applied[entry.index] = command_of(entry);
  if (entry.kind == EntryKind::members) peer.applied_voters = decode_voters(entry.data).value();
  const auto [known, first] = committed_.emplace(entry.index, entry);
  if (!(known->second == entry)) {
    violated("state machine safety: " + std::string(1, name) + " applies another entry at " +
             std::to_string(entry.index.value));
  }
  if (!first) return;
  // Who has counted may have a later word about the voters than who applies first.
  const bool durable = std::ranges::any_of(peers_, [&](const auto& other) {
    return other.second.raft && is_held_by_majority(entry, other.second.raft->voters());
  });
  if (!durable)
    violated("durability: entry " + std::to_string(entry.index.value) + " is committed on too few disks");
}

bool Cluster::is_held_by_majority(const Entry& entry, const Voters& voters) const {
  const auto held = [&](const DiskImage& disk) { return disk.holds(entry.index, entry.term); };
  std::size_t copies = 0;
  for (const NodeId voter : voters.voters) {
    const Peer& peer = peers_.at(name_of(voter));
    copies += held(peer.disk) || std::ranges::any_of(peer.lost_disks, held) ? 1 : 0;
  }
  return copies >= majority_of(voters.voters.size());
}

void Cluster::check_read(char name, const ReadReady& ready) {
  if (ready.index < reads_[ready.id]) {
    violated(std::string("stale read: ") + name + " answers at " + std::to_string(ready.index.value) +
             ", but " + std::to_string(reads_[ready.id].value) + " was committed when it was asked");
  }
  if (peers_.at(name).applied_index < ready.index) violated("a read is ready before its index is applied");
}

}  // namespace raft_test
