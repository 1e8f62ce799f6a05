// SPDX-License-Identifier: MIT
// Linearizable reads of a peer that follows (Raft thesis, section 6.4), over its restart.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "replica/replica.hpp"

using namespace coord;
using namespace coord::replica;
using namespace std::chrono_literals;

namespace {

constexpr NodeId self{1}, leader{2};

// One life of a follower, from when it has heard its leader. Its disk is never done, which no read waits for.
class Life {
 public:
  explicit Life(std::uint64_t seed) : replica_(config(), recovered(), {}, {}, Random(seed), now_) {
    raft::Heartbeat heartbeat;
    heartbeat.term = Term{1};
    heartbeat.round = 1;
    event(FromPeer{leader, raft::Message(heartbeat)});
  }
  void event(const Event& event) {
    for (Actions step : {replica_.step(now_, {}, event), replica_.settle(now_, {})}) {
      for (Action& action : step) {
        if (const auto* ready = std::get_if<QueryReady>(&action)) answered.push_back(ready->ticket);
        const auto* sent = std::get_if<SendPeer>(&action);
        const auto* read = sent == nullptr ? nullptr : std::get_if<ReadRequest>(&sent->message);
        if (read != nullptr) asked.push_back(*read);
      }
    }
  }

  std::vector<ReadRequest> asked;
  std::vector<std::uint64_t> answered;  // tickets

 private:
  static Config config() {
    Config config;
    config.raft.self = self;
    config.raft.peers = {self, leader, NodeId{3}};
    return config;
  }
  static raft::Recovered recovered() {
    raft::Recovered recovered;
    recovered.hard_state.term = Term{1};
    for (const NodeId peer : {self, leader, NodeId{3}}) recovered.hard_state.founders[peer] = {};
    return recovered;
  }

  Instant now_{1h};
  Replica replica_;
};

// Whether a life takes the answer to a question of the life before for its own.
bool takes_earlier_answer() {
  Life before(1);
  before.event(Query{5});
  REQUIRE(before.asked.size() == 1);
  Life after(2);
  after.event(Query{6});
  REQUIRE(after.asked.size() == 1);
  after.event(FromPeer{leader, ReadAnswer{before.asked.front().id, true, LogIndex{}}});
  const bool taken = !after.answered.empty();
  after.event(FromPeer{leader, ReadAnswer{after.asked.front().id, true, LogIndex{}}});
  CHECK(after.answered == std::vector<std::uint64_t>{6});
  return taken;
}

}  // namespace

TEST_CASE("the answer to a read of an earlier life answers none of this one") {
  CHECK_FALSE(takes_earlier_answer());
}

TEST_CASE("read_ids_of_one_life: a life that counts its reads as the one before is noticed") {
  mutants::removed = "read_ids_of_one_life";
  const bool without = takes_earlier_answer();
  mutants::removed.clear();
  CHECK(without);
}
