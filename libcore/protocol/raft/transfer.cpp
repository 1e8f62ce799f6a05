// Leadership transfer (thesis, section 3.10): "the prior leader sends its log entries to the target server,
// then the target server runs an election without waiting for the election timeout". For a leader that is
// told to stop.
#include "protocol/raft/raft.hpp"

namespace coord::raft {

// "The prior leader stops accepting new client requests" meanwhile, and takes them again after an election
// time-out without a success.
void Raft::on(const TransferLeadership& event) {
  if (role_ != Role::leader || transfer_) return;
  const Progress* furthest = nullptr;
  NodeId to;
  for (const auto& [peer, progress] : progress_) {
    if (progress.mute || (event.to.value != 0 && event.to != peer)) continue;
    if (furthest != nullptr && progress.match <= furthest->match) continue;
    furthest = &progress;
    to = peer;
  }
  if (furthest == nullptr) return;
  transfer_ = Transfer{to, now_ + config_.election_high};
  advance_transfer();
}

void Raft::advance_transfer() {
  if (role_ != Role::leader || !transfer_ || transfer_->told) return;
  if (progress_[transfer_->to].match != log_.last()) return;
  transfer_->told = true;
  send(transfer_->to, TimeoutNow{hard_.term});
}

void Raft::receive(NodeId from, const TimeoutNow& /*message*/) {
  if (role_ != Role::follower || leader_ != from || mute() || outdated_ || !outbox_.is_durable(hard_write_))
    return;
  campaign(true);
}

}  // namespace coord::raft
