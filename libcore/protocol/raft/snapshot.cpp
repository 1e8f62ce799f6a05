// SPDX-License-Identifier: MIT
// Snapshots for peers that are too far behind for the log (paper, section 7 and figure 13), in pieces.
#include <algorithm>

#include "base/rule.hpp"
#include "protocol/raft/raft.hpp"

namespace coord::raft {

// ---- the leader's side

void Raft::start_snapshot(NodeId to, Progress& progress) {
  if (!snapshot_ || snapshot_->index < log_.base()) return;  // cannot be: base() never passes the snapshot
  progress.send_snapshot(snapshot_);
  send_piece(to, progress);
}

void Raft::send_piece(NodeId to, Progress& progress) {
  const Snapshot& snapshot = *progress.snapshot;
  const std::uint64_t size = snapshot.data.size();
  const std::uint64_t offset = std::min(progress.offset, size);
  const std::uint64_t end = std::min<std::uint64_t>(size, offset + config_.snapshot_piece);
  SnapshotRequest request{hard_.term, snapshot.index, snapshot.term,  size, offset,
                          {},         snapshot.level, snapshot.voters};
  request.data.assign(snapshot.data.begin() + static_cast<std::ptrdiff_t>(offset),
                      snapshot.data.begin() + static_cast<std::ptrdiff_t>(end));
  progress.sent = now_;
  if (!progress.unanswered) progress.unanswered = now_;
  send(to, std::move(request));
}

void Raft::receive(NodeId from, const SnapshotReply& reply) {
  const auto of = progress_.find(from);
  if (role_ != Role::leader || of == progress_.end()) return;
  Progress& progress = of->second;
  if (progress.state != Progress::State::snapshot || reply.last_index != progress.snapshot->index) return;
  heard(progress, reply.recovering, progress.unanswered);
  if (reply.installed) {
    progress.acknowledged = now_;
    progress.accepted(reply.last_index);
    progress.replicate();
    advance_commit();
    advance_transfer();
  } else if (reply.received < progress.snapshot->data.size() && reply.received != progress.offset) {
    progress.offset = reply.received;  // on, or back when the follower has begun anew
    progress.unanswered.reset();
    send_piece(from, progress);
  }
}

// ---- the follower's side

void Raft::receive(NodeId from, const SnapshotRequest& request) {
  if (!follow(from)) return;
  // Before anything of it is kept: once installed it would be too late to ask.
  if (!COORD_RULE(snapshot_level_first, knows_level(from, request.level))) return;
  if (request.size > config_.snapshot_limit) {
    return refuse(from, "sends a snapshot above the limit: it was ignored");
  }
  if (request.offset > request.size || request.data.size() > request.size - request.offset ||
      request.last_term > request.term) {
    return refuse(from, "sent a piece of a snapshot that does not fit into it: it was ignored");
  }
  if (request.voters != Voters{} && !request.voters.is_sound())
    return refuse(from, "sent a snapshot whose voters cannot be: it was ignored");
  // An older snapshot must not take back what is committed here. "If existing log entry has same index and
  // term as snapshot's last included entry, retain log entries following it" (figure 13): then the log has
  // all of it, and only learns that it is committed.
  if (COORD_RULE_OR(snapshot_not_over_newer, request.last_index <= commit_, false) ||
      (request.last_index > commit_ && log_.term_at(request.last_index) == request.last_term)) {
    commit_upto(request.last_index);
    return snapshot_not_needed(from, request);
  }
  if (installing_) return;  // one at a time; the leader asks again
  const bool same = incoming_ && incoming_->from == from && incoming_->term == request.term &&
                    incoming_->snapshot.index == request.last_index &&
                    incoming_->snapshot.term == request.last_term && incoming_->size == request.size &&
                    incoming_->snapshot.level == request.level &&
                    incoming_->snapshot.voters == request.voters;
  if (!same) {
    incoming_ = IncomingSnapshot{from,
                                 request.term,
                                 {request.last_index, request.last_term, {}, request.level, request.voters},
                                 {},
                                 request.size};
    incoming_->data.reserve(request.size);  // at most the limit; what comes in pieces is not moved again
  }
  Bytes& data = incoming_->data;
  if (request.offset == data.size()) data.insert(data.end(), request.data.begin(), request.data.end());
  if (data.size() == request.size) return install(from);
  send(from, SnapshotReply{hard_.term, request.last_index, data.size(), false, recovering()});
}

void Raft::snapshot_not_needed(NodeId from, const SnapshotRequest& request) {
  incoming_.reset();
  send(from, SnapshotReply{hard_.term, request.last_index, request.size, true, recovering()},
       log_.write_covering(request.last_index, outbox_.next_write()));
}

// "Discard the entire log" (figure 13). In one Persist: after a crash, either all of the old state is there
// or all of the new. The state machine hears of it when it is durable (Install).
void Raft::install(NodeId from) {
  incoming_->snapshot.data = std::move(incoming_->data);
  const auto snapshot = std::make_shared<Snapshot>(std::move(incoming_->snapshot));
  incoming_.reset();
  snapshot_ = snapshot;
  installing_ = Installing{outbox_.next_write(), snapshot};
  log_.restart(snapshot->index, snapshot->term);
  members_.restart(snapshot->index, snapshot->voters);
  commit_ = snapshot->index;
  unmute_if_caught_up();
  send(from, SnapshotReply{hard_.term, snapshot->index, snapshot->data.size(), true, recovering()},
       installing_->write);
}

}  // namespace coord::raft
