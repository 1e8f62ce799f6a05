// SPDX-License-Identifier: MIT
// Restarts at each point, and messages that no sane peer sends.
#include <catch2/catch.hpp>

#include "raft_cluster.hpp"
#include "raft_solo.hpp"

using namespace raft_test;

TEST_CASE("every peer in turn crashes at every step of an election and three commands, and comes back",
          "[raft]") {
  for (const char victim : {'a', 'b', 'c'}) {
    for (const std::size_t written : {0, 1}) {
      for (std::size_t point = 1; point <= 80; ++point) {
        Cluster group;
        int proposed = 0;
        bool crashed = false;
        const bool finished = group.run_until(
            [&] {
              if (!crashed && group.steps() >= point) {
                group.crash_after_writing(victim, written);
                group.start(victim);
                crashed = true;
              }
              if (proposed < 3 && group.has_leader() && group.raft(group.leader()).commit_index().value > 0) {
                group.propose(group.leader(), "x" + std::to_string(++proposed));
              }
              return crashed && proposed == 3 && group.applied_everywhere("x3");
            },
            3000);
        CAPTURE(victim, point, written);
        REQUIRE(group.violation == "");
        // A proposal may be lost with the leader that took it. The group may not.
        if (!finished) {
          group.propose(group.settle(), "x3");
          group.run(200);
          REQUIRE(group.applied_everywhere("x3"));
        }
      }
    }
  }
}

namespace {

// Any value, with a liking for edges.
class Absurd {
 public:
  explicit Absurd(std::uint64_t seed) : random_(seed) {}
  std::uint64_t number() {
    constexpr std::uint64_t edges[] = {
        0, 1, 2, 3, 4, 5, 6, 7, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX / 2, 1ULL << 62U, (1ULL << 62U) - 1};
    return edges[random_.below(std::size(edges))];
  }
  Term term() { return Term{number()}; }
  LogIndex index() { return LogIndex{number()}; }
  bool flag() { return random_.chance(0.5); }
  Bytes bytes() { return Bytes(random_.below(5)); }
  Message message() {
    switch (random_.below(11)) {
      case 0:
        return VoteRequest{term(), index(), term(), flag(), flag()};
      case 1:
        return VoteReply{term(), flag(), flag()};
      case 2:
        return append();
      case 3:
        return AppendReply{term(), flag(), flag(), index(), index(), term()};
      case 4:
        return Heartbeat{term(), index(), number()};
      case 5:
        return HeartbeatReply{term(), number(), flag()};
      case 6:
        return SnapshotRequest{term(), index(), term(), number(), number(), bytes()};
      case 7:
        return SnapshotReply{term(), index(), number(), flag(), flag()};
      case 8:
        return TimeoutNow{term()};
      case 9:
        return StateQuery{Incarnation{}, number()};
      default:
        return StateAnswer{number(), {}, flag(), flag(), term(), {{NodeId{number()}, {}}, {NodeId{2}, {}}}};
    }
  }

 private:
  Message append() {
    AppendRequest request{term(), index(), term(), index(), {}};
    const bool contiguous = random_.chance(0.7);
    const Term in_term = term();
    for (std::uint64_t i = random_.below(4); i > 0; --i) {
      const LogIndex at =
          contiguous ? LogIndex{request.previous_index.value + request.entries.size() + 1} : index();
      request.entries.push_back(
          {random_.chance(0.7) ? in_term : term(), at, static_cast<EntryKind>(random_.below(4)), bytes()});
    }
    return request;
  }
  Random random_;
};

}  // namespace

TEST_CASE("absurd messages, to a peer in any role, trip nothing", "[raft]") {
  std::size_t steps = 0;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    Solo a(seed % 2 == 0 ? std::vector<std::uint64_t>{1, 1, 2, 3} : std::vector<std::uint64_t>{});
    if (seed % 5 == 0) a.recovered.hard_state.founders.clear();
    if (seed % 5 == 0) a.recovered.hard_state.term = Term{};
    if (seed % 5 == 0) a.recovered.entries.clear();
    if (seed % 3 == 1 && seed % 5 != 0) a.become_leader();
    Absurd absurd(seed);
    for (int i = 0; i < 200; ++i, ++steps) {
      a.receive(absurd.flag() ? 'b' : absurd.flag() ? 'c' : 'z', absurd.message());
      if (absurd.flag()) a.durable();
      if (absurd.number() == 7) a.tick_at_deadline();
      if (absurd.number() == 6) a.step(Propose{{{1}}});
      REQUIRE(a.raft().commit_index() <= a.raft().last_index());
      REQUIRE(a.raft().term().value < (1ULL << 62U) + 1000);
    }
  }
  CHECK(steps == 100000);
}

TEST_CASE("what somebody says who is no voter counts for nothing", "[raft]") {
  Solo a;
  a.tick_at_deadline();
  a.receive('z', VoteReply{Term{1}, true, true});
  CHECK(a.raft().role() == Role::pre_candidate);
  a.receive('b', VoteReply{Term{1}, true, true});
  a.durable();
  a.receive('z', VoteReply{Term{1}, false, true});
  CHECK(a.raft().role() == Role::candidate);
  a.receive('b', VoteReply{Term{1}, false, true});
  REQUIRE(a.raft().role() == Role::leader);
  a.durable();
  a.receive('z', AppendReply{Term{1}, true, false, LogIndex{1}, {}, {}});
  CHECK(a.raft().commit_index() == LogIndex{0});
  a.receive('b', AppendReply{Term{1}, true, false, LogIndex{1}, {}, {}});
  CHECK(a.raft().commit_index() == LogIndex{1});
}

TEST_CASE("nobody hears oneself", "[raft]") {
  Solo a;
  a.receive('a', VoteRequest{Term{9}, LogIndex{9}, Term{8}});
  CHECK(a.actions.empty());
  CHECK(a.raft().term() == Term{0});
}

TEST_CASE("two leaders of one term: the second is not followed, and it is said", "[raft]") {
  Solo a;
  a.receive('b', Heartbeat{Term{1}, LogIndex{}, 1});
  a.receive('c', AppendRequest{Term{1}, LogIndex{}, Term{}, LogIndex{}, {entry(1, 1)}});
  CHECK(a.all<Refused>().size() == 1);
  CHECK(a.raft().last_index() == LogIndex{0});
  CHECK(a.raft().leader() == id_of('b'));
}

TEST_CASE("entries that contradict committed ones, or are of no known kind, are refused", "[raft]") {
  Solo a({1, 1});
  a.receive('b', Heartbeat{Term{2}, LogIndex{2}, 1});
  REQUIRE(a.raft().commit_index() == LogIndex{2});
  a.receive('b', AppendRequest{Term{2}, LogIndex{1}, Term{1}, LogIndex{}, {entry(2, 2)}});
  CHECK(a.all<Refused>().size() == 1);
  a.receive('b',
            AppendRequest{
                Term{2}, LogIndex{2}, Term{1}, LogIndex{}, {{Term{2}, LogIndex{3}, EntryKind::members, {}}}});
  CHECK(a.all<Refused>().size() == 1);
  CHECK(a.raft().last_index() == LogIndex{2});
}

TEST_CASE("a recovered state that cannot be halts at the first step", "[raft]") {
  Solo a({1, 1, 2});
  SECTION("a gap") {
    a.recovered.entries.erase(a.recovered.entries.begin() + 1);
  }
  SECTION("terms go back") {
    a.recovered.entries[2].term = Term{0};
  }
  SECTION("a kind of entry of a later version") {
    a.recovered.entries[1].kind = EntryKind::members;
  }
  SECTION("no founders") {
    a.recovered.hard_state.founders.clear();
  }
  SECTION("a log of a later term") {
    a.recovered.hard_state.term = Term{1};
  }
  a.step(Tick{});
  CHECK(a.all<Halt>().size() == 1);
  CHECK(a.step(Tick{}).empty());
}
