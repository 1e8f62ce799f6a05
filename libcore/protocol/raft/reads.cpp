// SPDX-License-Identifier: MIT
// Linearizable reads without a log entry (thesis, section 6.4, "ReadIndex").
//
// A leader may have been deposed without knowing it. So it notes its commit index, makes sure with a round of
// heartbeats begun after the read arrived that a majority still follows it, and only then lets the read be
// answered, from a state machine that has applied that index.
#include "base/rule.hpp"
#include "protocol/raft/quorum.hpp"
#include "protocol/raft/raft.hpp"

namespace coord::raft {

void Raft::on(const Read& event) {
  if (role_ != Role::leader || reads_.size() >= config_.reads_limit) {
    local_.emplace_back(ReadDropped{event.id});
    return;
  }
  reads_.push_back({event.id, LogIndex{}, 0});
  advance_reads();
}

// "If the leader has not yet marked an entry from its current term committed, it waits until it has done so":
// its commit index may be behind that of the leader before it.
bool Raft::may_read() const {
  return COORD_RULE(read_after_own_term_commit, log_.term_at(commit_) == hard_.term);
}

void Raft::read_in_this_round() {
  if (!may_read()) return;
  for (PendingRead& read : reads_) {
    if (read.round != 0) continue;
    read.round = round_;
    read.index = commit_;
  }
}

// One round serves all reads that came before it began; the next begins when it is
// confirmed, or with the next heartbeat.
void Raft::advance_reads() {
  if (role_ != Role::leader || reads_.empty() || !may_read()) return;
  for (int pass = 0; pass < 2; ++pass) {
    const std::uint64_t confirmed = confirmed_round();
    while (!reads_.empty() && reads_.front().round != 0 &&
           COORD_RULE(read_confirmed_by_round, reads_.front().round <= confirmed)) {
      local_.emplace_back(ReadReady{reads_.front().id, reads_.front().index});
      reads_.pop_front();
    }
    if (pass == 0 && !reads_.empty() && reads_.front().round == 0) begin_round();
  }
}

std::uint64_t Raft::confirmed_round() const {
  return reached_by_voters(round_, [](const Progress& progress) { return progress.round; });
}

void Raft::drop_reads() {
  for (const PendingRead& read : reads_) local_.emplace_back(ReadDropped{read.id});
  reads_.clear();
}

}  // namespace coord::raft
