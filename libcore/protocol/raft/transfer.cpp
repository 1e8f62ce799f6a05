// SPDX-License-Identifier: MIT
// Leadership transfer (thesis, section 3.10): "the prior leader sends its log entries to the target server,
// then the target server runs an election without waiting for the election timeout". For a leader that is
// told to stop.
#include "protocol/raft/raft.hpp"

namespace coord::raft {

// "The prior leader stops accepting new client requests" meanwhile, and takes them again after an election
// time-out without a success.
void Raft::on(const TransferLeadership& event) {
  if (role_ != Role::leader || transfer_) return;
  begin_transfer_to_best(event.to);
}

void Raft::begin_transfer_to_best(NodeId wish) {
  // To whoever is furthest; to one that cannot write only if there is nobody else.
  const auto better = [](const Progress& a, const Progress& b) {
    const bool a_writes = may_write(a.disk), b_writes = may_write(b.disk);
    return a_writes != b_writes ? a_writes : a.match > b.match;
  };
  const Progress* best = nullptr;
  NodeId to;
  for (const auto& [peer, progress] : progress_) {
    if (progress.recovering || !voters().votes(peer) || (wish.value != 0 && wish != peer)) continue;
    if (best != nullptr && !better(progress, *best)) continue;
    best = &progress;
    to = peer;
  }
  if (best == nullptr) return;
  begin_transfer(to);
}

void Raft::begin_transfer(NodeId to) {
  transfer_ = Transfer{to, now_ + config_.election_high};
  advance_transfer();
}

void Raft::advance_transfer() {
  if (role_ != Role::leader || !transfer_ || transfer_->told) return;
  const auto to = progress_.find(transfer_->to);
  if (to == progress_.end() || to->second.match != log_.last()) return;
  transfer_->told = true;
  send(transfer_->to, TimeoutNow{hard_.term});
}

void Raft::receive(NodeId from, const TimeoutNow& /*message*/) {
  if (role_ != Role::follower || leader_ != from || recovering() || outdated_ || !stands_for_election() ||
      !outbox_.is_durable(hard_write_))
    return;
  if (disk_state() != DiskState::ready) return;
  campaign(true);
}

}  // namespace coord::raft
