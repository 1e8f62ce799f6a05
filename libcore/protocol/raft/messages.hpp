// SPDX-License-Identifier: MIT
// The messages between peers. Names and fields follow Raft's figure 2 and 13; what is ours is said beside it.
// Every reply repeats what it answers, so that a late or doubled one can be told apart.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "protocol/raft/types.hpp"

namespace coord::raft {

// RequestVote; with `pre`, a question only: would you vote for me in `term`? (Raft thesis, section 9.6)
struct VoteRequest {
  Term term;
  LogIndex last_index;
  Term last_term;
  bool pre = false;
  // the leader asked for this election: do not refuse because a leader is alive (thesis 4.2.3)
  bool transfer = false;

  bool operator==(const VoteRequest&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(term, last_index, last_term, pre, transfer);
  }
};

struct VoteReply {
  Term term;
  bool pre = false;
  bool granted = false;

  bool operator==(const VoteReply&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(term, pre, granted);
  }
};

struct AppendRequest {
  Term term;
  LogIndex previous_index;
  Term previous_term;
  LogIndex commit;
  std::vector<Entry> entries;

  bool operator==(const AppendRequest&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(term, previous_index, previous_term, commit, entries);
  }
};

struct AppendReply {
  Term term;
  bool accepted = false;
  bool recovering = false;  // this peer may not be counted yet (--rejoin): for flow control only
  // accepted: previous + n, all of it durable here. Refused: the previous_index that was refused (0: nothing
  // was looked at, the request's term is over)
  LogIndex match;
  LogIndex
      hint_index;  // refused: the largest index at which the logs may meet (section 5.3: back up by terms),
  Term hint_term;  // and the term of the entry there

  bool operator==(const AppendReply&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(term, accepted, recovering, match, hint_index, hint_term);
  }
};

// Apart from AppendRequest because its reply waits for no disk: a stalled disk stops
// neither heartbeats nor reads.
struct Heartbeat {
  Term term;
  LogIndex commit;  // at most what the receiver is known to match
  // for read index and check-quorum: strictly increasing within a term; 0: only tells the commit index, at
  // once when it advances, and wants no reply
  std::uint64_t round = 0;
  std::map<NodeId, DiskState> disks = {};  // of the peers that are not `ready`, as far as the leader knows

  bool operator==(const Heartbeat&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(term, commit, round);
    archive.since(2, disks);
  }
};

struct HeartbeatReply {
  Term term;
  std::uint64_t round = 0;  // of the heartbeat that it answers
  bool recovering = false;
  DiskState disk = DiskState::unknown;  // of the peer that answers

  bool operator==(const HeartbeatReply&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(term, round, recovering);
    archive.since(2, disk);
  }
};

// A piece of a snapshot (Raft section 7). Pieces are at most Config::snapshot_piece bytes;
// one is in flight a follower.
struct SnapshotRequest {
  Term term;
  LogIndex last_index;
  Term last_term;
  std::uint64_t size = 0;  // of the whole
  std::uint64_t offset = 0;
  Bytes data;
  Level level = first_level;  // of the state
  Voters voters{};            // as of last_index

  bool operator==(const SnapshotRequest&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(term, last_index, last_term, size, offset, data);
    archive.since(2, level, voters);
  }
};

struct SnapshotReply {
  Term term;
  LogIndex last_index;
  std::uint64_t received = 0;  // bytes held in order; == size only once the snapshot is durable
  bool installed = false;
  bool recovering = false;

  bool operator==(const SnapshotReply&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(term, last_index, received, installed, recovering);
  }
};

// Leadership transfer: start an election now (thesis, section 3.10).
struct TimeoutNow {
  Term term;

  bool operator==(const TimeoutNow&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(term);
  }
};

// The empty-state rule: what do you remember, and did you ever know me? (raft.hpp, "Founding")
struct StateQuery {
  Incarnation incarnation{};  // the asker's
  std::uint64_t nonce = 0;

  bool operator==(const StateQuery&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(incarnation, nonce);
  }
};

struct StateAnswer {
  std::uint64_t nonce = 0;
  Incarnation incarnation{};  // the answerer's
  bool empty = false;         // it has never voted nor acknowledged anything
  bool knows_you = false;     // it has founded the group with the asker's incarnation
  Term term;
  std::map<NodeId, Incarnation> founders;  // of the answerer, when not empty
  bool removed = false;                    // the asker neither votes nor learns, and that is committed
  bool of_disks = false;                   // Config::numbers_of_disks, of the answerer

  bool operator==(const StateAnswer&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(nonce, incarnation, empty, knows_you, term, founders);
    archive.since(2, removed, of_disks);
  }
};

// To who asks for a vote: by the committed word of the log at `index` you neither vote nor learn. Only where
// voters have changed, so at level 2 at least.
struct NotVoter {
  LogIndex index;

  bool operator==(const NotVoter&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(index);
  }
};

using Message = std::variant<VoteRequest, VoteReply, AppendRequest, AppendReply, Heartbeat, HeartbeatReply,
                             SnapshotRequest, SnapshotReply, TimeoutNow, StateQuery, StateAnswer, NotVoter>;

// What peers of level 2 also send as a datagram, if it is small: whichever copy comes first counts. It may
// get lost, come late or twice. Not what must come in order or only once: a transfer, an election that it has
// ordered, the pieces of a snapshot; nor what founds a group.
inline bool may_go_by_datagram(const Message& message) {
  if (const auto* vote = std::get_if<VoteRequest>(&message)) return !vote->transfer;
  return std::holds_alternative<VoteReply>(message) || std::holds_alternative<AppendRequest>(message) ||
         std::holds_alternative<AppendReply>(message) || std::holds_alternative<Heartbeat>(message) ||
         std::holds_alternative<HeartbeatReply>(message);
}

}  // namespace coord::raft
