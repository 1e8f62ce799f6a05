// SPDX-License-Identifier: MIT
// What lets heartbeats, votes and entries go by datagram as well as by stream: each message may come twice,
// late, or one of the two ways only.
#include <catch2/catch.hpp>

#include "raft_cluster.hpp"
#include "raft_rules.hpp"
#include "raft_solo.hpp"

using namespace raft_test;

TEST_CASE("the scenarios in which a rule is missed find nothing when it is there", "[raft][rounds]") {
  for (const RuleScenario& scenario : rule_scenarios()) {
    INFO(scenario.rule);
    CHECK(scenario.play() == "");
  }
}

TEST_CASE("a follower answers each round once, and takes none that is not above the last", "[raft][rounds]") {
  Solo a;
  a.receive('b', Heartbeat{Term{2}, LogIndex{}, 5});
  CHECK(a.durable().size() >= 1);
  CHECK(a.sent() == Lines{"b heartbeat reply term 2 round 5"});
  const Instant patience = *a.raft().deadline();
  a.now += std::chrono::milliseconds(100);
  for (const std::uint64_t round : {5, 4, 1}) {
    a.receive('b', Heartbeat{Term{2}, LogIndex{}, round});
    CHECK(a.sent() == Lines{});
    CHECK(a.raft().deadline() == patience);
  }
  a.receive('b', Heartbeat{Term{2}, LogIndex{}, 6});
  CHECK(a.sent() == Lines{"b heartbeat reply term 2 round 6"});
  CHECK(*a.raft().deadline() > patience);
  // Another term counts anew.
  a.receive('c', Heartbeat{Term{3}, LogIndex{}, 1});
  a.durable();
  CHECK(a.sent() == Lines{"c heartbeat reply term 3 round 1"});
}

TEST_CASE("who has stood in vain counts the rounds of that term's leader anew", "[raft][rounds]") {
  Solo a;
  a.receive('b', Heartbeat{Term{1}, LogIndex{}, 70});
  a.durable();
  a.tick_at_deadline();
  a.receive('b', VoteReply{Term{2}, true, true});
  a.durable();
  REQUIRE(a.raft().role() == Role::candidate);
  a.receive('c', Heartbeat{Term{2}, LogIndex{}, 1});
  CHECK(a.sent() == Lines{"c heartbeat reply term 2 round 1"});
  CHECK(a.raft().leader() == id_of('c'));
}

TEST_CASE("a late word of the commit index is no sign of life", "[raft][rounds]") {
  Solo a;
  a.receive('b', Heartbeat{Term{2}, LogIndex{}, 1});
  a.durable();
  const Instant patience = *a.raft().deadline();
  a.after(100, Receive{id_of('b'), Heartbeat{Term{2}, LogIndex{}, 0}});
  CHECK(a.raft().deadline() == patience);
}

TEST_CASE("a voter that leaves an append unanswered for two election time-outs is not heard",
          "[raft][rounds]") {
  Solo a;
  a.become_leader();
  std::uint64_t round = 1;
  int ms = 0;
  for (; ms < 3000 && a.raft().role() == Role::leader; ms += 50) {
    a.after(50, Tick{});
    ++round;
    if (a.raft().role() != Role::leader) break;
    a.receive('b', HeartbeatReply{Term{1}, round, false});
    a.receive('c', HeartbeatReply{Term{1}, round, false});
  }
  CHECK(ms >= 800);  // 600 ms unanswered, 300 ms unheard
  CHECK(ms <= 1000);
}

TEST_CASE(
    "streams shut, datagrams shut, one way or both: somebody leads, entries pass, nobody is deposed twice",
    "[raft][rounds]") {
  const int kind = GENERATE(range(0, 8));
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Options options;
    options.seed = seed;
    options.datagrams = true;
    Cluster group(options);
    const char leader = group.settle();
    const Term term = group.raft(leader).term();
    for (const char name : group.names()) {
      if (name == leader) continue;
      if (kind % 4 == 0 || kind % 4 == 1) {
        kind < 4 ? group.cut_stream(leader, name) : group.cut_datagrams(leader, name);
      }
      if (kind % 4 == 0 || kind % 4 == 2) {
        kind < 4 ? group.cut_stream(name, leader) : group.cut_datagrams(name, leader);
      }
      if (kind % 4 == 3 && name == (leader == 'a' ? 'b' : 'a')) {
        kind < 4 ? group.cut_stream(name, leader) : group.cut_datagrams(name, leader);
      }
    }
    INFO("kind " << kind << " seed " << seed);
    for (int i = 0; i < 10; ++i) {
      group.propose(group.leader(), std::to_string(i));
      group.run(200);
    }
    CHECK(group.applied_everywhere("9"));
    CHECK(group.leader() == leader);
    CHECK(group.raft(leader).term() == term);
    CHECK(group.violation == "");
  }
}
