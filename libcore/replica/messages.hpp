// SPDX-License-Identifier: MIT
// What peers send each other: Raft's messages, and what a peer that does not lead asks of the one that does.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/level.hpp"
#include "base/result.hpp"
#include "protocol/raft/messages.hpp"
#include "replica/voter_order.hpp"
#include "service/session.hpp"

namespace coord::replica {

// Append these commands for me, which are laid out by the formats of the message's level. There is no reply:
// the sender sees them come back in its own log, or sends them again.
struct Forward {
  std::vector<Bytes> commands;

  bool operator==(const Forward&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(commands);
  }
};

// There is no room for what adds to the state: these commands of yours (by sequence) were not appended, and
// will not be.
struct Rejected {
  enum class Why : std::uint8_t { leader_full, majority_full };
  std::vector<std::uint64_t> sequences;
  Why why = Why::leader_full;
  service::ClientId client{};  // whose they are; of a later registration they are others. 0: not told

  bool operator==(const Rejected&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(sequences);
    archive.since(2, why, client);
  }
};

// Up to where must I have applied before I may answer a linearizable read that began
// now? (Raft thesis, section 6.4)
struct ReadRequest {
  std::uint64_t id = 0;

  bool operator==(const ReadRequest&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id);
  }
};

struct ReadAnswer {
  std::uint64_t id = 0;
  bool known = false;  // false: I do not lead (any more)
  LogIndex index;

  bool operator==(const ReadAnswer&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, known, index);
  }
};

// From level 2 on, what of Raft's goes by datagram as well as by stream: for one state directory, from one.
// Which the other end has is learnt by stream; `to` is all zeros until it is.
struct EitherWay {
  raft::Incarnation from{};
  raft::Incarnation to{};
  raft::Message message;

  bool operator==(const EitherWay&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(from, to, message);
  }
};

// ---- from level 2 on, between a member that does not vote and the voter that it asks (feed.hpp)

// Tell me what you have applied after `place`, to which I have come. Each is answered, also if there is
// nothing new: who does not answer is not asked any longer.
struct Follow {
  std::uint64_t life = 0;    // of the member
  std::uint64_t number = 0;  // of the question, in that life
  LogIndex place;
  bool again = false;          // something is missing, or this is the first: begin after `place`
  LogIndex state;              // FedState::index of what it has begun to take; 0: none
  std::uint64_t received = 0;  // bytes of that

  bool operator==(const Follow&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(life, number, place, again, state, received);
  }
};

// What the sender has applied, without a gap, after `after`.
struct Fed {
  std::uint64_t life = 0;    // whom it is told: of the member
  std::uint64_t number = 0;  // of the last question
  NodeId leader;             // as the sender knows it; 0: none
  Term term;                 // of the sender
  LogIndex after;
  std::vector<raft::Entry> entries;
  std::vector<NodeId> voters;      // at `after`; empty: as before
  std::vector<NodeId> learners{};  // with them

  bool operator==(const Fed&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(life, number, leader, term, after, entries, voters, learners);
  }
};

// A piece of the sender's state, for whom its log does not reach back: `index` is what was applied.
struct FedState {
  std::uint64_t life = 0, number = 0;  // as in Fed
  LogIndex index;
  Level level = first_level;  // of the state
  std::uint64_t size = 0;     // of the whole
  std::uint64_t offset = 0;
  Bytes data;
  std::vector<NodeId> voters;
  std::vector<NodeId> learners{};

  bool operator==(const FedState&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(life, number, index, level, size, offset, data, voters, learners);
  }
};

// An operator's order, for who leads. The answer says how far it is; the asker asks again.
struct PassedOrder {
  std::uint64_t id = 0;
  VoterOrder order;
  bool is_last = false;  // to who leads, as a voter knows it: nobody passes it on once more

  bool operator==(const PassedOrder&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, order, is_last);
  }
};

struct OrderAnswer {
  std::uint64_t id = 0;
  VoterAnswer answer;

  bool operator==(const OrderAnswer&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, answer);
  }
};

using PeerMessage = std::variant<raft::Message, Forward, Rejected, ReadRequest, ReadAnswer, EitherWay, Follow,
                                 Fed, FedState, PassedOrder, OrderAnswer>;

// What is for Raft in it; null: nothing.
inline const raft::Message* raft_message_in(const PeerMessage& message) {
  if (const auto* wrapped = std::get_if<EitherWay>(&message)) return &wrapped->message;
  return std::get_if<raft::Message>(&message);
}

// `level`: of the group, as its sender knows it (a frame's version).
Bytes encode(const PeerMessage& message, Level level);
Result<PeerMessage> decode_peer_message(ByteView bytes, Level level);

// For counters and traces: "append request", "forward", ...
const char* name_of(const PeerMessage& message);

}  // namespace coord::replica
