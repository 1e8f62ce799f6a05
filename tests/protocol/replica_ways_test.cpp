// SPDX-License-Identifier: MIT
// What a replica takes by which way, from level 2 on; and what a leader refuses for want of room.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "replica/replica.hpp"
#include "wire/codec.hpp"

using namespace coord;
using namespace coord::replica;
using namespace std::chrono_literals;

namespace {

constexpr NodeId self{1}, other{2}, third{3};
constexpr raft::Incarnation here{1}, there{2}, elsewhere{9};

// One of three that has found its disk as good as empty, and whose writes are done at once.
class Life {
 public:
  Life() : replica_(config(), recovered(), {}, {}, Random(3), now) {}

  void event(const Event& event) {
    sent.clear();
    take(replica_.step(now, {}, event));
    take(replica_.settle(now, {}));
  }
  void take(const Actions& actions) {
    for (const Action& action : actions) {
      if (const auto* send = std::get_if<SendPeer>(&action)) sent.push_back(*send);
      if (const auto* job = std::get_if<DiskJob>(&action))
        take(replica_.step(now, {}, JobDone{job->job, false}));
    }
  }
  void stream(NodeId from, raft::Message message, raft::Incarnation of = there) {
    event(FromPeer{from, EitherWay{of, here, std::move(message)}, 2});
  }
  void datagram(NodeId from, raft::Message message, raft::Incarnation of = there,
                raft::Incarnation to = here) {
    event(FromPeer{from, EitherWay{of, to, std::move(message)}, 2, true});
  }
  // Elected in term 2 by `other`, whose disk, and the third one's, are so.
  void lead(raft::DiskState disks) {
    while (raft().role() != raft::Role::pre_candidate) {
      now += 100ms;
      event(Tick{});
    }
    stream(other, raft::VoteReply{Term{2}, true, true});
    stream(other, raft::VoteReply{Term{2}, false, true});
    REQUIRE(raft().role() == raft::Role::leader);
    for (const NodeId peer : {other, third}) stream(peer, raft::HeartbeatReply{Term{2}, 1, false, disks});
  }
  const raft::Raft& raft() const { return replica_.raft(); }

  Instant now{1h};
  std::vector<SendPeer> sent;  // in the last step

 private:
  static Config config() {
    Config config;
    config.raft.self = self;
    config.raft.incarnation = here;
    config.raft.peers = {self, other, third};
    return config;
  }
  static raft::Recovered recovered() {
    raft::Recovered recovered;
    recovered.hard_state.term = Term{1};
    for (const NodeId peer : {self, other, third}) recovered.hard_state.founders[peer] = {};
    return recovered;
  }
  Replica replica_;
};

raft::Message beat(std::uint64_t round) {
  return raft::Heartbeat{Term{1}, LogIndex{}, round, {}};
}

// Whether a datagram of, or for, another state directory is taken.
bool takes_of_another_directory() {
  Life life;
  life.stream(other, beat(1));
  life.datagram(other, beat(2), elsewhere);
  bool taken = !life.sent.empty();
  life.datagram(other, beat(3), there, elsewhere);
  taken = taken || !life.sent.empty();
  life.datagram(third, raft::VoteRequest{Term{9}, LogIndex{}, Term{}, true});  // nothing is known of that one
  return taken || !life.sent.empty();
}

bool takes_a_transfer_by_datagram() {
  Life life;
  life.stream(other, beat(1));
  life.datagram(other, raft::TimeoutNow{Term{1}});
  return life.raft().role() == raft::Role::candidate;
}

std::optional<Rejected::Why> refused(raft::DiskState disks) {
  Life life;
  life.lead(disks);
  service::Command command;
  command.node = other;
  command.sequence = 5;
  command.body = service::Acquire{};
  life.event(FromPeer{other, Forward{{wire::encode(command)}}, 1});
  for (const SendPeer& send : life.sent) {
    if (const auto* rejected = std::get_if<Rejected>(&send.message)) return rejected->why;
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("at level 1 everything goes by stream, as it always did") {
  Life life;
  life.event(FromPeer{other, beat(1), 1});
  REQUIRE(life.sent.size() == 2);
  CHECK(std::holds_alternative<raft::Message>(life.sent[0].message));  // its answer
  CHECK(std::holds_alternative<Forward>(life.sent[1].message));        // its registration
  for (const SendPeer& send : life.sent) CHECK_FALSE(send.datagram_also);
}

TEST_CASE(
    "at level 2 what may get lost goes both ways, once the other's state directory is known by stream") {
  Life life;
  life.datagram(other, beat(1));
  CHECK(life.sent.empty());
  life.stream(other, beat(1));
  REQUIRE(life.sent.size() == 1);
  CHECK(life.sent[0].datagram_also);
  const auto* answer = std::get_if<EitherWay>(&life.sent[0].message);
  REQUIRE(answer != nullptr);
  CHECK(answer->from == here);
  CHECK(answer->to == there);
  life.datagram(other, beat(2));
  CHECK(life.sent.size() == 1);
  life.stream(other, beat(2));  // the other copy
  CHECK(life.sent.empty());
  life.event(FromPeer{other, Forward{}, 2, true});
  CHECK(life.sent.empty());
}

TEST_CASE("a vote that a transfer has ordered goes by stream only") {
  Life life;
  life.stream(other, beat(1));
  life.stream(third, raft::VoteReply{Term{1}, true, false});
  life.stream(other, raft::TimeoutNow{Term{1}});
  REQUIRE(life.raft().role() == raft::Role::candidate);
  CHECK_FALSE(life.sent.empty());
  for (const SendPeer& send : life.sent) CHECK_FALSE(send.datagram_also);
}

TEST_CASE("datagram_of_these_directories: a datagram of, or for, another state directory is dropped") {
  CHECK_FALSE(takes_of_another_directory());
  mutants::removed = "datagram_of_these_directories";
  const bool without = takes_of_another_directory();
  mutants::removed.clear();
  CHECK(without);
}

TEST_CASE("only_so_by_datagram: a transfer that comes by datagram is dropped") {
  CHECK_FALSE(takes_a_transfer_by_datagram());
  mutants::removed = "only_so_by_datagram";
  const bool without = takes_a_transfer_by_datagram();
  mutants::removed.clear();
  CHECK(without);
}

TEST_CASE("majority_must_have_room: a leader refuses what grows when fewer than a majority have room") {
  CHECK(refused(raft::DiskState::full) == Rejected::Why::majority_full);
  CHECK(refused(raft::DiskState::ready) == std::nullopt);
  CHECK(refused(raft::DiskState::stalled) == std::nullopt);
  CHECK(refused(raft::DiskState::unknown) == std::nullopt);
  mutants::removed = "majority_must_have_room";
  const auto without = refused(raft::DiskState::full);
  mutants::removed.clear();
  CHECK(without == std::nullopt);
}
