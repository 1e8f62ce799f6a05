// SPDX-License-Identifier: MIT
// The bytes of what peers send each other.
#include "wire/codec.hpp"

#include "replica/messages.hpp"
#include "wire/archive.hpp"
#include "wire/raft_enums.hpp"

template <>
constexpr bool coord::wire::is_enumerator(coord::replica::Rejected::Why value) {
  switch (value) {
    using enum coord::replica::Rejected::Why;
    case leader_full:
    case majority_full:
      return true;
  }
  return false;
}

COORD_WIRE_TYPE(coord::replica::PeerMessage)

namespace coord::replica {

Bytes encode(const PeerMessage& message, Level level) {
  return wire::encode(message, level);
}

Result<PeerMessage> decode_peer_message(ByteView bytes, Level level) {
  return wire::decode<PeerMessage>(bytes, {.version = level});
}

namespace {

struct Name {
  const char* operator()(const raft::VoteRequest& m) const {
    return m.pre ? "pre-vote request" : "vote request";
  }
  const char* operator()(const raft::VoteReply& m) const { return m.pre ? "pre-vote reply" : "vote reply"; }
  const char* operator()(const raft::AppendRequest&) const { return "append request"; }
  const char* operator()(const raft::AppendReply&) const { return "append reply"; }
  const char* operator()(const raft::Heartbeat&) const { return "heartbeat"; }
  const char* operator()(const raft::HeartbeatReply&) const { return "heartbeat reply"; }
  const char* operator()(const raft::SnapshotRequest&) const { return "snapshot request"; }
  const char* operator()(const raft::SnapshotReply&) const { return "snapshot reply"; }
  const char* operator()(const raft::TimeoutNow&) const { return "time-out now"; }
  const char* operator()(const raft::StateQuery&) const { return "state query"; }
  const char* operator()(const raft::StateAnswer&) const { return "state answer"; }
  const char* operator()(const raft::NotVoter&) const { return "no voter"; }
  const char* operator()(const raft::Message& m) const { return std::visit(*this, m); }
  const char* operator()(const EitherWay& m) const { return std::visit(*this, m.message); }
  const char* operator()(const Forward&) const { return "forward"; }
  const char* operator()(const Rejected&) const { return "rejected"; }
  const char* operator()(const ReadRequest&) const { return "read request"; }
  const char* operator()(const ReadAnswer&) const { return "read answer"; }
  const char* operator()(const Follow&) const { return "follow"; }
  const char* operator()(const Fed&) const { return "fed"; }
  const char* operator()(const FedState&) const { return "fed state"; }
  const char* operator()(const PassedOrder&) const { return "order for voters"; }
  const char* operator()(const OrderAnswer&) const { return "answer to an order"; }
};

}  // namespace

const char* name_of(const PeerMessage& message) {
  return std::visit(Name{}, message);
}

}  // namespace coord::replica
