// SPDX-License-Identifier: MIT
// Linearizable reads (thesis, section 6.4) and leadership transfer (section 3.10).
#include <catch2/catch.hpp>

#include "raft_cluster.hpp"
#include "raft_solo.hpp"

using namespace raft_test;

TEST_CASE("thesis 6.4: a read waits for a round of heartbeats that began after it", "[raft]") {
  Cluster group;
  const char leader = group.settle();
  group.run(13);  // between two heartbeats
  group.forget_trace();
  const std::uint64_t id = group.read(leader);
  CHECK(group.peer(leader).reads_ready.empty());
  group.run(21);
  CHECK(group.trace() == R"([ 368] a > b heartbeat term 1 round 4 commit 1
[ 368] a > c heartbeat term 1 round 4 commit 1
[ 378] b > a heartbeat reply term 1 round 4
[ 378] c > a heartbeat reply term 1 round 4
)");
  CHECK(group.peer(leader).reads_ready == std::vector<std::uint64_t>{id});
}

TEST_CASE("thesis 6.4: a late answer to an older round confirms nothing", "[raft]") {
  Solo a;
  a.become_leader();
  a.receive('b', AppendReply{Term{1}, true, false, LogIndex{1}, LogIndex{}, Term{}});
  a.step(Read{1});
  REQUIRE(a.sent() == Lines{"b heartbeat term 1 round 2 commit 1", "c heartbeat term 1 round 2 commit 0"});
  a.receive('b', HeartbeatReply{Term{1}, 1, false});
  CHECK(a.all<ReadReady>().empty());
  a.step(Read{2});  // waits for the next round: this one began before it
  CHECK(a.actions.empty());
  a.receive('c', HeartbeatReply{Term{1}, 2, true});  // recovering: counts for nothing
  CHECK(a.all<ReadReady>().empty());
  a.receive('b', HeartbeatReply{Term{1}, 2, false});
  REQUIRE(a.all<ReadReady>().size() == 1);
  CHECK(a.all<ReadReady>()[0].id == 1);
  CHECK(a.sent() == Lines{"b heartbeat term 1 round 3 commit 1", "c heartbeat term 1 round 3 commit 0"});
  a.receive('b', HeartbeatReply{Term{1}, 3, false});
  REQUIRE(a.all<ReadReady>().size() == 1);
  CHECK(a.all<ReadReady>()[0].id == 2);
}

TEST_CASE("thesis 6.4: a new leader answers no read before an entry of its own term is committed", "[raft]") {
  Solo a({1, 1});
  a.become_leader();
  a.step(Read{1});
  a.receive('b', HeartbeatReply{Term{2}, 1, false});
  CHECK(a.all<ReadReady>().empty());  // entries 1 and 2 may well be committed: it does not know
  a.receive('b', AppendReply{Term{2}, true, false, LogIndex{3}, LogIndex{}, Term{}});
  CHECK(a.raft().commit_index() == LogIndex{3});
  CHECK(a.all<ReadReady>().empty());
  a.receive('b', HeartbeatReply{Term{2}, 2, false});
  REQUIRE(a.all<ReadReady>().size() == 1);
  CHECK(a.all<ReadReady>()[0].index == LogIndex{3});
}

TEST_CASE("a deposed leader that does not know it answers no read", "[raft]") {
  Cluster group;
  const char old = group.settle();
  group.isolate(old);
  group.propose(old, "never committed");
  std::size_t asked = 0;
  for (; asked < 40; ++asked) {  // it believes to lead for a while yet, when another one leads already
    group.read(old);
    group.run(10);
    if (group.leader() != old && group.has_leader()) group.propose(group.leader(), "x");
  }
  CHECK(group.has_applied(group.leader(), "x"));
  CHECK(group.peer(old).reads_ready.empty());
  CHECK(group.peer(old).reads_dropped.size() == asked);
  CHECK(group.violation == "");
}

TEST_CASE("who does not lead drops reads and proposals, and reads beyond the limit are dropped", "[raft]") {
  Solo a;
  a.config.reads_limit = 2;
  a.step(Read{1});
  CHECK(a.all<ReadDropped>().size() == 1);
  a.step(Propose{{{1}}});
  CHECK(a.all<ProposalDropped>().size() == 1);
  a.become_leader();
  for (std::uint64_t id = 2; id <= 4; ++id) a.step(Read{id});
  REQUIRE(a.all<ReadDropped>().size() == 1);
  CHECK(a.all<ReadDropped>()[0].id == 4);
  a.receive('b', Heartbeat{Term{2}, LogIndex{}, 1});
  CHECK(a.all<ReadDropped>().size() == 2);
}

TEST_CASE("thesis 3.10: a leader hands over to the furthest, and takes no proposals meanwhile", "[raft]") {
  Cluster group;
  const char leader = group.settle();
  group.forget_trace();
  group.trace_heartbeats(false);
  group.transfer(leader, 0);
  group.propose(leader, "too late");
  CHECK(group.peer(leader).proposals_dropped == 1);
  group.run(60);
  CHECK(group.trace() == R"([ 355] a > b time out now term 1
[ 355] b is candidate in term 2
[ 366] b > a vote request term 2 log 1@1 transfer
[ 366] a is follower in term 2
[ 366] b > c vote request term 2 log 1@1 transfer
[ 366] c is follower in term 2
[ 377] a > b vote term 2 granted
[ 377] b is leader in term 2
[ 377] c > b vote term 2 granted
[ 387] a is follower in term 2 of b
[ 387] c is follower in term 2 of b
[ 387] b > a append term 2 after 1@1 entries 2 commit 1
[ 387] b > c append term 2 after 1@1 entries 2 commit 1
[ 398] a > b appended term 2 match 2
[ 398] b applies up to 2
[ 398] c > b appended term 2 match 2
)");
}

TEST_CASE("thesis 3.10: the target is first brought up to date, without success the leader goes on",
          "[raft]") {
  Solo a;
  a.become_leader();
  a.receive('b', AppendReply{Term{1}, true, false, LogIndex{1}, LogIndex{}, Term{}});
  a.step(Propose{{{1}}});
  a.step(TransferLeadership{id_of('b')});
  CHECK(a.sent() == Lines{});
  a.receive('b', AppendReply{Term{1}, true, false, LogIndex{2}, LogIndex{}, Term{}});
  CHECK(a.sent() == Lines{"b time out now term 1"});
  a.receive('b', HeartbeatReply{Term{1}, 1, false});
  a.step(Propose{{{1}}});
  CHECK(a.all<ProposalDropped>().size() == 1);
  for (std::uint64_t round = 2; round < 8; ++round) {
    a.tick_at_deadline();
    a.receive('b', HeartbeatReply{Term{1}, round, false});
  }
  CHECK(a.raft().role() == Role::leader);
  a.step(Propose{{{1}}});
  CHECK(a.all<ProposalDropped>().empty());
}

TEST_CASE("a time-out-now counts only from the leader of this term", "[raft]") {
  Solo a;
  a.receive('b', Heartbeat{Term{3}, LogIndex{}, 1});
  a.durable();
  a.receive('c', TimeoutNow{Term{3}});
  CHECK(a.raft().role() == Role::follower);
  a.receive('b', TimeoutNow{Term{2}});
  CHECK(a.raft().role() == Role::follower);
  a.receive('b', TimeoutNow{Term{3}});
  CHECK(a.raft().role() == Role::candidate);
  a.durable();
  CHECK(a.sent() ==
        Lines{"b vote request term 4 log 0@0 transfer", "c vote request term 4 log 0@0 transfer"});
}
