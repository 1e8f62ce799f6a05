// SPDX-License-Identifier: MIT
// Linearizable reads (Raft thesis, section 6.4): ask the leader how far one must have
// applied, wait for that, read here.
//
// An answer belongs to its question by a number. Each life of a peer counts from a number of its own: an
// answer that a question of the life before still gets is older than what the next life asks, and would be
// taken for it.
#include "replica/replica.hpp"

namespace coord::replica {

void Replica::on(Instant now, const Query& event) {
  asked_ = true;
  Reading reading;
  reading.ticket = event.ticket;
  reading.began = now;
  reads_.emplace(next_read_++, reading);  // asked when the batch is settled
}

// Puts the question for every read that has no index yet and was not asked lately.
void Replica::ask_reads(Instant now) {
  std::vector<std::uint64_t> here;
  for (auto& [id, reading] : reads_) {
    if (reading.asker != NodeId{} || reading.index) continue;
    if (reading.asked && now < *reading.asked + config_.query_retry) continue;
    if (!has_quorum()) continue;
    reading.asked = now;
    if (raft_.leader() == config_.raft.self) {
      here.push_back(id);
    } else {
      send_peer(raft_.leader(), ReadRequest{id});
    }
  }
  for (const std::uint64_t id : here) tell_raft(now, raft::Read{id});
}

void Replica::read_for(Instant now, NodeId asker, const ReadRequest& request) {
  const bool room = reads_.size() < config_.commands_queued;
  const bool leads = raft_.role() == raft::Role::leader;
  // What a member asks is passed on to the leader.
  const bool relayed = !leads && feed_.feeds(asker) && has_quorum();
  if (!room || (!leads && !relayed)) {
    send_peer(asker, ReadAnswer{request.id, false, LogIndex{}});
    return;
  }
  const std::uint64_t id = next_read_++;
  Reading reading;
  reading.asker = asker;
  reading.asker_id = request.id;
  reading.began = now;
  reads_.emplace(id, reading);
  if (leads) {
    tell_raft(now, raft::Read{id});
  } else {
    send_peer(raft_.leader(), ReadRequest{id});
  }
}

void Replica::fail_old_reads(Instant now) {
  for (auto it = reads_.begin(); it != reads_.end();) {
    if (now < it->second.began + config_.query_patience) {
      ++it;
      continue;
    }
    if (it->second.asker == NodeId{}) out_.push_back(QueryFailed{it->second.ticket});
    it = reads_.erase(it);
  }
}

void Replica::answer_reads() {
  for (auto it = reads_.begin(); it != reads_.end();) {
    const Reading& reading = it->second;
    if (reading.index && applied_ >= *reading.index) {
      out_.push_back(QueryReady{reading.ticket});
      it = reads_.erase(it);
    } else {
      ++it;
    }
  }
}

std::optional<Instant> Replica::next_read_deadline() const {
  std::optional<Instant> next;
  for (const auto& [id, reading] : reads_) {
    Instant due = reading.began + config_.query_patience;
    if (reading.asker == NodeId{} && !reading.index && has_quorum() && reading.asked) {
      due = std::min(due, *reading.asked + config_.query_retry);
    }
    if (!next || due < *next) next = due;
  }
  return next;
}

}  // namespace coord::replica
