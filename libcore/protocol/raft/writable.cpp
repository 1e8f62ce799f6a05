// SPDX-License-Identifier: MIT
// Peers that cannot write: what they leave to others.
//
// The problem: a leader whose disk is full beats on, so nobody replaces it, and refuses every new command,
// although a majority of healthy peers is there. Raft knows only leaders that have stopped.
//
// Why the obvious answer fails: to step down and let the others time out costs an election, and
// who steps down may win it; to stop when the disk fills up turns a disk that is full
// everywhere into a group that is gone.
//
// The rule: every peer says in its answers to heartbeats whether its disk takes what is written. Who cannot
// write does not stand, or only when for two election time-outs nobody else has: where all disks are full
// somebody must lead, for there is a reserve for what still has to pass. A leader that cannot write asks the
// voter whose last durable acknowledgement is newest to take over (transfer.cpp), which takes no write of its
// own. If within two election time-outs nobody does, it stops beating, so that whoever can may stand; it
// stays if everybody has said that they cannot either. Once a minute at most: disks that fill and empty must
// not carry the leadership around. A peer of an older release says nothing about its disk and may be asked;
// one that goes on following after it was asked to take over has said enough.
#include <algorithm>

#include "base/rule.hpp"
#include "protocol/raft/quorum.hpp"
#include "protocol/raft/raft.hpp"

namespace coord::raft {

void Raft::on(const Room& event) {
  room_ = event.enough;
  if (role_ == Role::leader) make_way_if_disk_fails();
}

DiskState Raft::disk_state() const {
  if (writing_since_ && now_ >= *writing_since_ + config_.write_patience) return DiskState::stalled;
  return room_ ? DiskState::ready : DiskState::full;
}

void Raft::note_disk(NodeId peer, DiskState disk) {
  if (role_ != Role::leader) return;
  const auto found = progress_.find(peer);
  if (found == progress_.end()) return;
  Progress& progress = found->second;
  progress.disk = disk;
  if (disk != DiskState::stalled || progress.state != Progress::State::probe || !progress.probing) return;
  progress.assume_they_meet();
  send_entries(peer, progress);
}

std::map<NodeId, DiskState> Raft::disks() const {
  std::map<NodeId, DiskState> disks = role_ == Role::leader ? std::map<NodeId, DiskState>{} : disks_told_;
  for (const auto& [peer, progress] : progress_) disks[peer] = progress.disk;
  disks[config_.self] = disk_state();
  return disks;
}

bool Raft::majority_has_room() const {
  std::size_t have = room_ && voters().votes(config_.self) ? 1 : 0;
  for (const auto& [peer, progress] : progress_)
    have += progress.disk != DiskState::full && voters().votes(peer) ? 1 : 0;
  return have >= majority_of(voters().voters.size());
}

// Called when the election time-out has passed. Whose disk stands still could not even vote for itself.
bool Raft::may_stand() {
  if (alone() || disk_state() == DiskState::ready) return true;
  if (!nobody_stands_since_) nobody_stands_since_ = now_;
  return disk_state() == DiskState::full && now_ >= *nobody_stands_since_ + 2 * config_.election_high;
}

// A leader whose disk stands still can commit by the disks of others. Where nobody tells of his disk (level
// 1) it goes on so: as a follower there, it would be sent no more than a window of what
// it cannot acknowledge.
bool Raft::leads_without_disk() const {
  const bool told = std::ranges::any_of(
      progress_, [](const auto& other) { return other.second.disk != DiskState::unknown; });
  return disk_state() == DiskState::stalled && room_ && !told;
}

void Raft::make_way_if_disk_fails() {
  if (alone() || disk_state() == DiskState::ready || leads_without_disk()) return making_way_.reset();
  const bool nobody_can = std::ranges::all_of(progress_, [&](const auto& other) {
    return !voters().votes(other.first) || cannot_take_over(other.first, other.second);
  });
  if (nobody_can) return making_way_.reset();
  if (!making_way_) {
    if (made_way_ && now_ < *made_way_ + config_.make_way_gap) return;
    made_way_ = now_;
    making_way_ = MakingWay{now_, {}};
  }
  if (now_ >= making_way_->asked_last + 2 * config_.election_high)
    return become_follower(hard_.term, NodeId{});
  if (!transfer_) ask_to_take_over();
}

// As it has said, or, where it does not tell, shown: it was asked, and still follows
// an election time-out later.
bool Raft::cannot_take_over(NodeId peer, const Progress& progress) const {
  if (!may_write(progress.disk)) return true;
  if (!making_way_ || progress.disk == DiskState::ready) return false;
  const auto asked = making_way_->asked.find(peer);
  return asked != making_way_->asked.end() && progress.heard >= asked->second + config_.election_high;
}

void Raft::ask_to_take_over() {
  const Progress* best = nullptr;
  NodeId to;
  for (const auto& [peer, progress] : progress_) {
    // Only who has answered in this term is known to be there, and to be what it says.
    if (progress.recovering || progress.round == 0 || !voters().votes(peer) ||
        making_way_->asked.contains(peer) || !may_write(progress.disk))
      continue;
    if (best != nullptr && progress.acknowledged <= best->acknowledged) continue;
    best = &progress;
    to = peer;
  }
  if (best == nullptr) return;
  making_way_->asked[to] = making_way_->asked_last = now_;
  begin_transfer(to);
}

}  // namespace coord::raft
