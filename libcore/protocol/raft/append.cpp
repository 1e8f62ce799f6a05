// SPDX-License-Identifier: MIT
// Log replication, the follower's side (paper, section 5.3 and figure 2, "AppendEntries RPC").
#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "protocol/raft/raft.hpp"

namespace coord::raft {

// What no leader sends. An empty answer: nothing is wrong.
const char* Raft::flaw_of(const AppendRequest& request) {
  Term term = request.previous_term;
  LogIndex index = request.previous_index;
  if (term > request.term) return "sent entries of a term after its own: they were ignored";
  for (const Entry& entry : request.entries) {
    if (entry.index.value != ++index.value) return "sent entries with a gap: they were ignored";
    if (entry.term < term || entry.term > request.term)
      return "sent entries whose terms go back: they were ignored";
    if (!level_needed(entry)) return "sent entries of a kind that is not known here: they were ignored";
    term = entry.term;
  }
  return nullptr;
}

// Nothing of what this program cannot read is stored or acknowledged; and from now on this peer stands in no
// election, for it would lead a group whose log it cannot apply.
bool Raft::knows_level(NodeId from, Level needed) {
  if (needed <= config_.level) return true;
  outdated_ = true;
  refuse(from, fmt::format("sent an entry of level {} of the group, and this program knows level {}: install "
                           "the release that the other peers have",
                           needed, config_.level));
  return false;
}

void Raft::receive(NodeId from, const AppendRequest& request) {
  if (!follow(from)) return;
  if (const char* flaw = flaw_of(request)) return refuse(from, flaw);
  Level needed = first_level;
  for (const Entry& entry : request.entries) needed = std::max(needed, *level_needed(entry));
  if (!COORD_RULE(entries_of_known_levels, knows_level(from, needed))) return;
  const LogIndex previous = request.previous_index;
  const LogIndex end{previous.value + request.entries.size()};
  // "Reply false if log doesn't contain an entry at prevLogIndex whose term matches prevLogTerm." What is
  // before base() is committed, and a leader has every committed entry (section 5.4.3).
  if (previous > log_.last()) return refuse_append(from, request);
  if (!COORD_RULE(append_checks_previous,
                  previous < log_.base() || log_.term_at(previous) == request.previous_term)) {
    return refuse_append(from, request);
  }
  if (!store(request)) return refuse(from, "sent entries that contradict committed ones: they were ignored");
  // "Set commitIndex = min(leaderCommit, index of last new entry)": what stands after it was not compared.
  commit_upto(std::min(request.commit, COORD_RULE_OR(commit_what_was_checked, end, log_.last())));
  const LogIndex match = COORD_RULE_OR(acknowledge_what_was_checked, end, log_.last());
  const std::uint64_t after =
      COORD_RULE_OR(acknowledge_when_durable, log_.write_covering(match, outbox_.next_write()), 0);
  send(from, AppendReply{hard_.term, true, recovering(), match, LogIndex{}, Term{}}, after);
}

// "If an existing entry conflicts with a new one (same index but different terms), delete the existing
// entry and all that follow it. Append any new entries not already in the log." Only on a conflict: a
// late request must not cut off what a later one has brought. False, and nothing is changed, if it
// contradicts what is committed.
bool Raft::store(const AppendRequest& request) {
  for (std::size_t i = 0; i < request.entries.size(); ++i) {
    const Entry& entry = request.entries[i];
    if (entry.index <= log_.base()) continue;
    const bool conflict = entry.index <= log_.last() && log_.term_at(entry.index) != entry.term;
    if (conflict && entry.index <= commit_) return false;
    if (COORD_RULE_OR(truncate_only_on_conflict, conflict, entry.index <= log_.last())) {
      log_.truncate(entry.index);
      members_.truncate(entry.index);
    }
    if (entry.index > log_.last()) {
      for (; i < request.entries.size(); ++i) {
        log_.append(request.entries[i]);
        note_members(request.entries[i]);
      }
    }
  }
  return true;
}

void Raft::refuse_append(NodeId from, const AppendRequest& request) {
  const LogIndex hint = log_.last_at_most(LogIndex{request.previous_index.value - 1}, request.previous_term);
  send(from, AppendReply{hard_.term, false, recovering(), request.previous_index, hint,
                         log_.term_at(hint).value_or(Term{})});
}

// Nothing of this waits for entries to reach the disk: a slow disk costs no election. Of a round that is not
// above the last one nothing is taken: it was doubled, or so long under way that it says nothing about
// whether the leader lives.
void Raft::receive(NodeId from, const Heartbeat& request) {
  const bool notice = request.round == 0 && role_ == Role::follower && leader_ == from;
  if (request.round != 0 && !COORD_RULE(rounds_only_go_up, request.round > round_heard_)) return;
  if (!notice && !follow(from)) return;
  if (request.commit > log_.last()) {
    refuse(from, "says that entries are committed here that are not here: it was ignored");
  } else {
    commit_upto(request.commit);
  }
  if (request.round == 0) return;
  round_heard_ = request.round;
  disks_told_ = request.disks;
  // Until the term is on the disk nothing may be said in it. What keeps it from getting there may.
  if (!outbox_.is_durable(hard_write_) && disk_state() != DiskState::ready)
    outbox_.send(from, HeartbeatReply{Term{}, 0, recovering(), disk_state()}, 0);
  send(from, HeartbeatReply{hard_.term, request.round, recovering(), disk_state()});
}

}  // namespace coord::raft
