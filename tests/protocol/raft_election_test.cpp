// SPDX-License-Identifier: MIT
// Raft paper, sections 5.2 (leader election) and 5.4.1 (who may be elected); thesis 9.6
// (pre-vote), 4.2.3 and 6.2.
#include <catch2/catch.hpp>

#include "raft_cluster.hpp"
#include "raft_solo.hpp"

using namespace raft_test;

TEST_CASE("section 5.2: a peer that hears from no leader asks, is elected, and announces itself", "[raft]") {
  Cluster group;
  REQUIRE(group.run_until([&] { return group.has_leader(); }));
  group.run(25);
  CHECK(group.trace() == R"([ 172] a is pre-candidate in term 0
[ 182] a > b pre-vote request term 1 log 0@0
[ 182] a > c pre-vote request term 1 log 0@0
[ 192] b > a pre-vote term 1 granted
[ 192] a is candidate in term 1
[ 192] c > a pre-vote term 1 granted
[ 203] a > b vote request term 1 log 0@0
[ 203] b is follower in term 1
[ 203] a > c vote request term 1 log 0@0
[ 203] c is follower in term 1
[ 214] b > a vote term 1 granted
[ 214] a is leader in term 1
[ 214] c > a vote term 1 granted
[ 224] a > b heartbeat term 1 round 1 commit 0
[ 224] b is follower in term 1 of a
[ 224] a > c heartbeat term 1 round 1 commit 0
[ 224] c is follower in term 1 of a
[ 224] a > b append term 1 after 0@0 entries 1 commit 0
[ 224] a > c append term 1 after 0@0 entries 1 commit 0
[ 234] b > a heartbeat reply term 1 round 1
[ 234] c > a heartbeat reply term 1 round 1
[ 235] b > a appended term 1 match 1
[ 235] a applies up to 1
[ 235] c > a appended term 1 match 1
)");
}

TEST_CASE("section 5.2: a split vote, the loser waits for another time-out, then asks anew", "[raft]") {
  Solo a({}, 0, 4);
  a.tick_at_deadline();
  a.receive('b', VoteReply{Term{1}, true, true});
  a.receive('c', VoteReply{Term{1}, true, true});
  CHECK(a.raft().role() == Role::candidate);  // and so is d, at the same time
  a.durable();
  a.receive('b', VoteReply{Term{1}, false, true});
  CHECK(a.raft().role() == Role::candidate);  // two of four is no majority
  a.receive('d', VoteRequest{Term{1}, LogIndex{}, Term{}});
  CHECK(a.sent() == Lines{"d vote term 1 refused"});
  a.receive('c', VoteReply{Term{1}, false, false});
  a.receive('d', VoteReply{Term{1}, false, false});
  CHECK(a.raft().role() == Role::follower);
  CHECK(a.raft().term() == Term{1});
  a.tick_at_deadline();
  CHECK(a.sent() == Lines{"b pre-vote request term 2 log 0@0", "c pre-vote request term 2 log 0@0",
                          "d pre-vote request term 2 log 0@0"});
}

TEST_CASE("section 5.2: one vote a term, who asks for it again gets it again", "[raft]") {
  Solo a;
  CHECK(a.receive('b', VoteRequest{Term{5}, LogIndex{}, Term{}}).size() ==
        2);  // Persist, RoleChanged: no reply yet
  CHECK(a.sent() == Lines{});
  a.durable();
  CHECK(a.sent() == Lines{"b vote term 5 granted"});
  a.receive('c', VoteRequest{Term{5}, LogIndex{9}, Term{4}});
  CHECK(a.sent() == Lines{"c vote term 5 refused"});
  a.receive('b', VoteRequest{Term{5}, LogIndex{}, Term{}});
  CHECK(a.sent() == Lines{"b vote term 5 granted"});
  CHECK(a.all<Persist>().empty());  // known already
}

TEST_CASE("figure 2: a vote is given again after a restart, but to nobody else", "[raft]") {
  Solo a;
  a.recovered.hard_state.term = Term{5};
  a.recovered.hard_state.vote = id_of('b');
  a.receive('c', VoteRequest{Term{5}, LogIndex{9}, Term{4}});
  CHECK(a.sent() == Lines{"c vote term 5 refused"});
  a.receive('b', VoteRequest{Term{5}, LogIndex{9}, Term{4}});
  CHECK(a.sent() == Lines{"b vote term 5 granted"});
}

TEST_CASE("section 5.4.1: the later last term wins, then the longer log", "[raft]") {
  struct Case {
    std::uint64_t index, term;
    bool granted;
  };
  for (const Case& candidate :
       {Case{9, 2, false}, Case{2, 3, false}, Case{3, 3, true}, Case{4, 3, true}, Case{1, 4, true}}) {
    Solo a({1, 2, 3});
    a.receive('b', VoteRequest{Term{7}, LogIndex{candidate.index}, Term{candidate.term}});
    a.durable();
    CAPTURE(candidate.index, candidate.term);
    CHECK(a.sent() == Lines{std::string("b vote term 7 ") + (candidate.granted ? "granted" : "refused")});
  }
}

TEST_CASE("a candidate's own vote counts, and is heard of, only when it is durable", "[raft]") {
  Solo a;
  a.tick_at_deadline();
  CHECK(a.sent() == Lines{"b pre-vote request term 1 log 0@0", "c pre-vote request term 1 log 0@0"});
  a.receive('b', VoteReply{Term{1}, true, true});
  CHECK(a.raft().role() == Role::candidate);
  CHECK(a.sent() == Lines{});
  a.receive('b', VoteReply{Term{1}, false, true});  // cannot be yet, but one vote of three is no majority
  CHECK(a.raft().role() == Role::candidate);
  a.durable();
  CHECK(a.raft().role() == Role::leader);
}

TEST_CASE("a stalled disk: a candidate waits for it, and candidacies do not pile up", "[raft]") {
  Solo a;
  a.tick_at_deadline();
  a.receive('b', VoteReply{Term{1}, true, true});
  REQUIRE(a.all<Persist>().size() == 1);
  for (int i = 0; i < 20; ++i) {
    a.tick_at_deadline();
    CHECK(a.actions.empty());
  }
  CHECK(a.raft().term() == Term{1});
  a.durable();
  CHECK(a.sent() == Lines{"b vote request term 1 log 0@0", "c vote request term 1 log 0@0"});
}

TEST_CASE("thesis 9.6: a peer that comes back from a cut deposes nobody", "[raft]") {
  Cluster group;
  const char leader = group.settle();
  const Term term = group.raft(leader).term();
  const char other = leader == 'a' ? 'b' : 'a';
  group.isolate(other);
  group.run(3000);
  CHECK(group.raft(other).role() != Role::follower);
  CHECK(group.raft(other).term() == term);
  group.heal();
  group.run(1000);
  CHECK(group.leader() == leader);
  CHECK(group.raft(leader).term() == term);
  CHECK(group.raft(other).leader() == id_of(leader));
}

TEST_CASE("thesis 4.2.3: who hears a leader votes for nobody else, unless the leader asked for it",
          "[raft]") {
  Solo a;
  a.receive('b', Heartbeat{Term{3}, LogIndex{}, 1});
  a.durable();
  a.after(100, Receive{id_of('c'), VoteRequest{Term{4}, LogIndex{5}, Term{3}, true}});
  CHECK(a.sent() == Lines{"c pre-vote term 3 refused"});
  a.receive('c', VoteRequest{Term{9}, LogIndex{5}, Term{3}});
  CHECK(a.actions.empty());
  CHECK(a.raft().term() == Term{3});
  SECTION("the leader is silent for the minimum election time-out") {
    a.after(60, Receive{id_of('c'), VoteRequest{Term{9}, LogIndex{5}, Term{3}}});
    a.durable();
    CHECK(a.sent() == Lines{"c vote term 9 granted"});
  }
  SECTION("a transfer") {
    a.receive('c', VoteRequest{Term{4}, LogIndex{5}, Term{3}, false, true});
    a.durable();
    CHECK(a.sent() == Lines{"c vote term 4 granted"});
  }
}

TEST_CASE("thesis 6.2: a leader that hears no majority steps down and drops what its users wait for",
          "[raft]") {
  Cluster group;
  const char old = group.settle();
  group.isolate(old);
  const std::uint64_t read = group.read(old);
  group.run(500);
  CHECK(group.raft(old).role() != Role::leader);
  CHECK(group.peer(old).reads_dropped == std::vector<std::uint64_t>{read});
  CHECK(group.has_leader());
  group.propose(old, "never");
  CHECK(group.peer(old).proposals_dropped == 1);
  group.heal();
  group.run(500);
  CHECK(group.committed_commands().count("never") == 0);
}

TEST_CASE("two peers cut from each other, a third sees both: the leader stays", "[raft]") {
  Cluster group;
  const char leader = group.settle();
  const Term term = group.raft(leader).term();
  group.cut_both(leader, leader == 'a' ? 'b' : 'a');
  group.run(3000);
  CHECK(group.leader() == leader);
  CHECK(group.raft(leader).term() == term);
}

TEST_CASE("one-way cuts: a peer that does not hear the leader causes no storm of terms", "[raft]") {
  Cluster group;
  const char leader = group.settle();
  const char other = leader == 'a' ? 'b' : 'a';
  const Term term = group.raft(leader).term();
  SECTION("it does not hear the leader, the leader hears it") {
    group.cut(leader, other);
    group.run(3000);
    CHECK(group.leader() == leader);
    CHECK(group.raft(leader).term() == term);
  }
  SECTION("the leader hears nobody, everybody hears the leader") {
    for (const char name : group.names()) {
      if (name != leader) group.cut(name, leader);
    }
    group.run(2000);
    REQUIRE(group.has_leader());
    CHECK(group.leader() != leader);
    CHECK(group.raft(group.leader()).term().value <= term.value + 3);
  }
}

TEST_CASE("a group of one leads at once and writes its commands without a sync", "[raft]") {
  Solo a({}, 0, 1);
  a.step(Tick{});
  REQUIRE(a.all<Persist>().size() == 1);
  CHECK(a.all<Persist>()[0].sync);  // its term and vote
  a.durable();
  CHECK(a.raft().role() == Role::leader);
  REQUIRE(a.all<Persist>().size() == 1);
  CHECK_FALSE(a.all<Persist>()[0].sync);
  a.step(Propose{{{1}, {2}}});
  CHECK(a.raft().commit_index() == LogIndex{0});
  a.durable();
  CHECK(a.raft().commit_index() == LogIndex{3});
  CHECK(a.all<Apply>()[0].entries.size() == 3);
  CHECK(a.raft().deadline() == std::nullopt);
  a.step(Read{42});
  REQUIRE(a.all<ReadReady>().size() == 1);
  CHECK(a.all<ReadReady>()[0].index == LogIndex{3});
}
