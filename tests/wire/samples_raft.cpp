// SPDX-License-Identifier: MIT
#include "samples.hpp"

namespace coord::samples {
namespace {

raft::Incarnation incarnation(std::uint8_t first) {
  raft::Incarnation bytes{};
  for (auto& byte : bytes) byte = first++;
  return bytes;
}

raft::Entry entry(std::uint64_t term, std::uint64_t index, raft::EntryKind kind, Bytes data,
                  Level level = first_level) {
  return {Term{term}, LogIndex{index}, kind, std::move(data), level};
}

}  // namespace

const Named<raft::Entry>& entries() {
  static const Named<raft::Entry> all{
      {"entry_noop", entry(3, 17, raft::EntryKind::noop, {})},
      {"entry_command",
       entry(0x0102030405060708, 0xfffffffffffffffe, raft::EntryKind::command, {0xde, 0xad}, 2)},
      {"entry_members",
       entry(4, 19, raft::EntryKind::members, encode(raft::Voters{{NodeId{2}, NodeId{3}}, {NodeId{4}}}), 2)},
      {"entry_raise", entry(4, 18, raft::EntryKind::raise, {2, 0, 0, 0, 0, 0, 0, 0})},
  };
  return all;
}

const Named<raft::HardState>& hard_states() {
  static const Named<raft::HardState> all{
      {"hard_state_empty", {}},
      {"hard_state",
       {Term{9}, NodeId{2}, {{NodeId{1}, incarnation(0x10)}, {NodeId{2}, incarnation(0x20)}}, Term{8}}},
  };
  return all;
}

const Named<raft::Message>& raft_messages() {
  static const Named<raft::Message> all{
      {"vote_request", raft::VoteRequest{Term{5}, LogIndex{40}, Term{4}, true, true}},
      {"vote_reply", raft::VoteReply{Term{5}, true, true}},
      {"append_request_empty", raft::AppendRequest{Term{6}, LogIndex{41}, Term{5}, LogIndex{39}, {}}},
      {"append_request", raft::AppendRequest{Term{6},
                                             LogIndex{41},
                                             Term{5},
                                             LogIndex{39},
                                             {entry(6, 42, raft::EntryKind::noop, {}, 2),
                                              entry(6, 43, raft::EntryKind::command, {1, 2, 3, 4, 5})}}},
      {"append_reply", raft::AppendReply{Term{6}, true, true, LogIndex{43}, LogIndex{44}, Term{2}}},
      {"heartbeat", raft::Heartbeat{Term{6}, LogIndex{43}, 1001, {{NodeId{2}, raft::DiskState::full}}}},
      {"heartbeat_reply", raft::HeartbeatReply{Term{6}, 1001, true, raft::DiskState::stalled}},
      {"snapshot_request",
       raft::SnapshotRequest{
           Term{7}, LogIndex{900}, Term{6}, 4096, 1024, {7, 7, 7}, 2, {{NodeId{2}, NodeId{3}}, {NodeId{4}}}}},
      {"snapshot_reply", raft::SnapshotReply{Term{7}, LogIndex{900}, 1027, true, true}},
      {"timeout_now", raft::TimeoutNow{Term{8}}},
      {"state_query", raft::StateQuery{incarnation(0x30), 77}},
      {"state_answer",
       raft::StateAnswer{77,
                         incarnation(0x40),
                         true,
                         true,
                         Term{9},
                         {{NodeId{1}, incarnation(0x50)}, {NodeId{0xffffffffffffffff}, incarnation(0)}},
                         true,
                         true}},
      {"not_voter", raft::NotVoter{LogIndex{41}}},
  };
  return all;
}

const Named<replica::PeerMessage>& peer_messages() {
  const replica::VoterOrder order{replica::VoterVerb::replace, NodeId{3}, NodeId{4}, "root"};
  static const Named<replica::PeerMessage> all{
      {"raft", raft::Message(raft::Heartbeat{Term{6}, LogIndex{43}, 1001})},
      {"forward", replica::Forward{{{1, 2, 3}, {}}}},
      {"rejected", replica::Rejected{{7, 9}, replica::Rejected::Why::majority_full, service::ClientId{11}}},
      {"read_request", replica::ReadRequest{5}},
      {"read_answer", replica::ReadAnswer{5, true, LogIndex{43}}},
      {"either_way",
       replica::EitherWay{incarnation(0x10), incarnation(0x20), raft::HeartbeatReply{Term{6}, 1001, true}}},
      {"follow", replica::Follow{17, 4, LogIndex{43}, true, LogIndex{40}, 4096}},
      {"fed", replica::Fed{17,
                           4,
                           NodeId{2},
                           Term{6},
                           LogIndex{42},
                           {{Term{6}, LogIndex{43}, raft::EntryKind::command, {1, 2}, 2}},
                           {NodeId{1}, NodeId{2}},
                           {NodeId{4}}}},
      {"passed_order", replica::PassedOrder{6, order}},
      {"order_answer", replica::OrderAnswer{6,
                                            {replica::VoterProgress::catches_up,
                                             replica::VoterRefusal::other_order,
                                             NodeId{3},
                                             700,
                                             order,
                                             NodeId{1},
                                             {{NodeId{1}, NodeId{2}}, {NodeId{4}}}}}},
      {"fed_state",
       replica::FedState{17, 4, LogIndex{40}, 2, 8192, 4096, {1, 2, 3}, {NodeId{1}, NodeId{2}}, {NodeId{4}}}},
  };
  return all;
}

}  // namespace coord::samples
