// SPDX-License-Identifier: MIT
// Log replication, the leader's side (paper, sections 5.3 and 5.4.2).
#include <algorithm>

#include "base/rule.hpp"
#include "protocol/raft/quorum.hpp"
#include "protocol/raft/raft.hpp"

namespace coord::raft {

// As much as the window allows, and in `probe` one message. Entries go out before they are durable here: the
// two disks write at the same time.
void Raft::send_entries(NodeId to, Progress& progress) {
  while (progress.next <= log_.last() && progress.may_send(config_.in_flight)) {
    if (progress.next <= log_.base()) return start_snapshot(to, progress);
    AppendRequest request;
    request.term = hard_.term;
    request.previous_index = LogIndex{progress.next.value - 1};
    request.previous_term = log_.term_at(request.previous_index).value_or(Term{});
    request.commit = commit_;
    request.entries = log_.slice(request.previous_index, log_.last(), config_.append_bytes);
    const LogIndex end = request.entries.back().index;
    progress.commit_told = std::max(progress.commit_told, std::min(commit_, end));
    progress.sent_upto(end, now_);
    send(to, std::move(request));
  }
}

// An AppendRequest without entries at the place where the next ones would go: its answer
// tells lost ones from slow ones.
void Raft::send_probe(NodeId to, Progress& progress) {
  const LogIndex previous{progress.next.value - 1};
  if (previous < log_.base()) return start_snapshot(to, progress);
  progress.sent_upto(previous, now_);
  send(to, AppendRequest{hard_.term, previous, log_.term_at(previous).value_or(Term{}), commit_, {}});
}

// What has no answer yet: its entries, if they are few, for where much is lost each further round trip is
// too; else the question whether they have arrived.
void Raft::send_again(NodeId to, Progress& progress) {
  const bool probes = progress.state == Progress::State::probe;
  const LogIndex after = probes ? LogIndex{progress.next.value - 1} : progress.match;
  if (after < log_.base() || after >= log_.last() || log_.bytes_after(after) > config_.resend_bytes)
    return send_probe(to, progress);
  progress.sent = now_;
  send(to, AppendRequest{hard_.term, after, log_.term_at(after).value_or(Term{}), commit_,
                         log_.slice(after, log_.last(), config_.append_bytes)});
}

void Raft::send_to_all() {
  for (auto& [peer, progress] : progress_) send_entries(peer, progress);
}

// "If there exists an N such that N > commitIndex, a majority of matchIndex[i] >= N, and
// log[N].term == currentTerm: set commitIndex = N" (figure 2). An older term's entry on a majority
// may still be overwritten (figure 8). The leader's own disk is one of the group's: it counts when
// its own write is durable, like everybody's.
void Raft::advance_commit() {
  const LogIndex own = COORD_RULE_OR(self_counts_when_durable, log_.durable(), log_.last());
  const LogIndex agreed = reached_by_voters(
      own, [](const Progress& progress) { return progress.recovering ? LogIndex{} : progress.match; });
  if (agreed > commit_ && COORD_RULE(commit_only_own_term, log_.term_at(agreed) == hard_.term)) {
    commit_upto(agreed);
    advance_reads();
  }
  send_to_all();
  tell_commit();
  step_down_if_removed();
}

// At once: the others answer their own users from what they apply. Who was told with
// entries is not told again.
void Raft::tell_commit() {
  for (auto& [peer, progress] : progress_) {
    const LogIndex commit = commit_known_to(progress);
    if (commit > progress.commit_told) {
      progress.commit_told = commit;
      send(peer, Heartbeat{hard_.term, commit, 0, {}});
    } else if (progress.disk == DiskState::stalled && progress.state == Progress::State::replicate &&
               commit_ > progress.commit_told && progress.next > commit_) {
      progress.commit_told = commit_;  // an append without entries says where that is
      send_probe(peer, progress);
    }
  }
}

// A heartbeat is no AppendRequest: it says nothing of what stands before the commit index. So it may name
// only what this very follower has acknowledged as matching; of anything beyond it may hold something else.
LogIndex Raft::commit_known_to(const Progress& progress) const {
  return COORD_RULE_OR(heartbeat_commits_what_matches, std::min(commit_, progress.match), commit_);
}

// A heartbeat to everybody. Its answers also confirm the reads that were waiting for a round to begin.
void Raft::begin_round() {
  ++round_;
  rounds_sent_.emplace_back(round_, now_);
  if (rounds_sent_.size() > rounds_remembered) rounds_sent_.pop_front();
  heartbeat_due_ = now_ + config_.heartbeat;
  read_in_this_round();
  std::map<NodeId, DiskState> troubled;
  for (const auto& [peer, disk] : disks()) {
    if (disk != DiskState::ready && disk != DiskState::unknown) troubled[peer] = disk;
  }
  for (auto& [peer, progress] : progress_) {
    const LogIndex commit = commit_known_to(progress);
    progress.commit_told = std::max(progress.commit_told, commit);
    send(peer, Heartbeat{hard_.term, commit, round_, troubled});
  }
}

// An answer proves that the peer followed when the request was sent, not when the answer came: that may have
// been long under way.
void Raft::heard(Progress& progress, bool recovering, std::optional<Instant> sent) {
  progress.recovering = recovering;
  if (recovering || !sent) return;
  progress.answered = true;
  progress.heard = std::max(progress.heard, COORD_RULE_OR(reply_counts_from_sending, *sent, now_));
}

// When this round began; nothing for one that is no more remembered, or was never begun.
std::optional<Instant> Raft::sent_at(std::uint64_t round) const {
  const auto found =
      std::ranges::lower_bound(rounds_sent_, round, {}, &std::pair<std::uint64_t, Instant>::first);
  if (found == rounds_sent_.end() || found->first != round) return std::nullopt;
  return found->second;
}

// Who answers heartbeats and takes no entries (its disk stands still, or nothing that is larger than a
// heartbeat gets through) is of no use to a leader: one that can only beat must make way. Not so the last
// piece of a snapshot, which is answered when all of it is durable, however long that takes.
bool Raft::takes_entries(const Progress& progress) const {
  if (!progress.unanswered || now_ < *progress.unanswered + 2 * config_.election_high) return true;
  return progress.state == Progress::State::snapshot &&
         progress.offset + config_.snapshot_piece >= progress.snapshot->data.size();
}

// "A leader in Raft steps down if an election timeout elapses without a successful round of heartbeats to a
// majority of its cluster" (thesis 6.2): its users look for the new one, and the others may elect it.
bool Raft::hears_majority() const {
  const auto heard = reached_by_voters(now_, [](const Progress& progress) { return progress.heard; });
  return now_ < heard + config_.election_high;
}

void Raft::lead_on_tick() {
  if (!COORD_RULE(check_quorum, hears_majority())) return become_follower(hard_.term, NodeId{});
  if (transfer_ && now_ >= transfer_->give_up) transfer_.reset();
  let_go_of_removed();
  step_down_if_removed();
  if (role_ != Role::leader) return;
  make_way_if_disk_fails();
  if (role_ == Role::leader && now_ >= heartbeat_due_) begin_round();
}

void Raft::receive(NodeId from, const AppendReply& reply) {
  const auto of = progress_.find(from);
  if (role_ != Role::leader || of == progress_.end()) return;
  Progress& progress = of->second;
  if (!reply.accepted) {
    heard(progress, reply.recovering, progress.unanswered);
    return back_up(from, progress, reply);
  }
  if (reply.match > log_.last())
    return refuse(from, "acknowledged entries that it was never sent: it was ignored");
  progress.acknowledged = now_;
  const std::optional<Instant> sent = progress.accepted(reply.match);
  heard(progress, reply.recovering, sent);
  // A snapshot may have become needless: a late answer shows that the entries have arrived.
  if (progress.state == Progress::State::snapshot && progress.match >= log_.base()) progress.replicate();
  advance_commit();
  advance_transfer();
}

// "After a rejection, the leader decrements nextIndex and retries" (section 5.3): by whole
// terms, with the follower's hint.
void Raft::back_up(NodeId from, Progress& progress, const AppendReply& reply) {
  const LogIndex refused = reply.match;
  if (progress.state == Progress::State::snapshot || refused <= progress.match) return;  // late
  if (progress.state == Progress::State::probe && refused.value + 1 != progress.next.value) return;
  if (refused >= progress.next) return;  // never asked
  const LogIndex meet =
      log_.last_at_most(std::min(reply.hint_index, LogIndex{refused.value - 1}), reply.hint_term);
  progress.probe_from(LogIndex{std::max(meet, progress.match).value + 1});
  // What is at or before base() may not be looked up: when the follower's hint lies
  // before it, a snapshot is needed.
  if (reply.hint_index < log_.base() && progress.match < log_.base()) return start_snapshot(from, progress);
  if (progress.next > log_.last()) {
    send_probe(from, progress);
  } else {
    send_entries(from, progress);
  }
}

void Raft::receive(NodeId from, const HeartbeatReply& reply) {
  const auto of = progress_.find(from);
  if (role_ != Role::leader || of == progress_.end()) return;
  Progress& progress = of->second;
  const bool counts = COORD_RULE(beats_alone_are_not_enough, takes_entries(progress));
  heard(progress, reply.recovering, counts ? sent_at(reply.round) : std::nullopt);
  if (!reply.recovering && reply.round <= round_) progress.round = std::max(progress.round, reply.round);
  if (progress.state == Progress::State::snapshot) {
    if (now_ >= progress.sent + config_.election_high) send_piece(from, progress);
  } else if (now_ >= progress.sent + config_.heartbeat) {
    const bool unanswered =
        progress.state == Progress::State::probe ? progress.probing : !progress.in_flight.empty();
    if (unanswered) send_again(from, progress);
  }
  advance_reads();
}

}  // namespace coord::raft
