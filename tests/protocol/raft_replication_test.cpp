// SPDX-License-Identifier: MIT
// Raft paper, section 5.3 (log replication), figures 7 and 8 (section 5.4.2).
#include <catch2/catch.hpp>

#include "raft_cluster.hpp"
#include "raft_solo.hpp"

using namespace raft_test;

namespace {

std::vector<std::uint64_t> terms_of(const Log& log) {
  std::vector<std::uint64_t> terms;
  for (LogIndex i{log.base().value + 1}; i <= log.last(); ++i.value) terms.push_back(log.at(i)->term.value);
  return terms;
}

Entry noop(std::uint64_t term, std::uint64_t index) {
  return {Term{term}, LogIndex{index}, EntryKind::noop, {}};
}

}  // namespace

TEST_CASE("section 5.3: a command is written by all at once, committed with the first, told to all",
          "[raft]") {
  Cluster group;
  const char leader = group.settle();
  group.forget_trace();
  group.trace_heartbeats(false);
  group.propose(leader, "x");
  group.run(45);
  CHECK(group.trace() == R"([ 355] a > b append term 1 after 1@1 entries 2 commit 1
[ 355] a > c append term 1 after 1@1 entries 2 commit 1
[ 366] b > a appended term 1 match 2
[ 366] a applies up to 2
[ 366] c > a appended term 1 match 2
[ 376] b applies up to 2
[ 376] c applies up to 2
)");
}

TEST_CASE("figure 7: a new leader brings all six other logs of the paper in line with its own", "[raft]") {
  const std::vector<std::vector<std::uint64_t>> logs = {
      {1, 1, 1, 4, 4, 5, 5, 6, 6, 6},        // the leader for term 8
      {1, 1, 1, 4, 4, 5, 5, 6, 6},           // (a)
      {1, 1, 1, 4},                          // (b)
      {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6},     // (c)
      {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7},  // (d)
      {1, 1, 1, 4, 4, 4, 4},                 // (e)
      {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3},     // (f)
  };
  Options options;
  options.peers = logs.size();
  Cluster group(options);
  for (std::size_t i = 0; i < logs.size(); ++i) {
    const char name = static_cast<char>('a' + i);
    group.crash(name);
    group.peer(name).disk.entries = entries_of_terms(logs[i]);
    group.peer(name).disk.hard_state.term = Term{7};
    group.start(name);
  }
  // a leads: of the paper's figure, (a), (b), (e) and (f) can vote for it.
  group.drop_if = [&](char from, char, const Message& message) {
    return from != 'a' && std::holds_alternative<VoteRequest>(message);
  };
  std::size_t refusals = 0;
  REQUIRE(group.run_until([&] { return group.leader() == 'a'; }));
  group.drop_if = [&](char, char, const Message& message) {
    const auto* reply = std::get_if<AppendReply>(&message);
    refusals += reply != nullptr && !reply->accepted ? 1 : 0;
    return false;
  };
  group.run(1000);
  std::vector<std::uint64_t> expected = logs[0];
  expected.push_back(group.raft('a').term().value);
  for (const char name : group.names()) CHECK(terms_of(group.raft(name).log()) == expected);
  // "The leader backs up by whole terms": one refusal for (a), (b), (c) and (d) at most,
  // two where terms differ inside.
  CHECK(refusals <= 8);
  CHECK(group.violation == "");
}

TEST_CASE("figure 8: an older term's entry on a majority is not committed by counting", "[raft]") {
  // (c): S1 is back as the leader of term 4; entry 2 of term 2 is now on S1, S2 and S3 of five.
  Solo s1({1, 2}, 3, 5);
  s1.become_leader();
  s1.receive('b', AppendReply{Term{4}, true, false, LogIndex{2}, LogIndex{}, Term{}});
  s1.receive('c', AppendReply{Term{4}, true, false, LogIndex{2}, LogIndex{}, Term{}});
  CHECK(s1.raft().commit_index() == LogIndex{0});  // (d): S5, with entry 2 of term 3, may still be elected
}

TEST_CASE("figure 8 (e): with an entry of its own term on a majority, all before it is committed too",
          "[raft]") {
  Solo s1({1, 2}, 3);
  s1.become_leader();
  REQUIRE(s1.raft().term() == Term{4});
  s1.receive('b', AppendReply{Term{4}, true, false, LogIndex{2}, LogIndex{}, Term{}});
  CHECK(s1.raft().commit_index() == LogIndex{0});
  s1.receive('b', AppendReply{Term{4}, true, false, LogIndex{3}, LogIndex{}, Term{}});
  CHECK(s1.raft().commit_index() == LogIndex{3});
  CHECK(s1.all<Apply>()[0].entries.size() == 3);
}

TEST_CASE(
    "section 5.3: an append is accepted only where what is before it agrees, and cites what was checked",
    "[raft]") {
  Solo a({1, 1, 2, 2});
  a.receive('b', AppendRequest{Term{3}, LogIndex{5}, Term{3}, LogIndex{}, {noop(3, 6)}});
  a.durable();
  CHECK(a.sent() == Lines{"b append refused term 3 after 5 hint 4@2"});
  a.receive('b', AppendRequest{Term{3}, LogIndex{4}, Term{3}, LogIndex{}, {noop(3, 5)}});
  CHECK(a.sent() == Lines{"b append refused term 3 after 4 hint 3@2"});
  a.receive('b', AppendRequest{Term{3}, LogIndex{4}, Term{1}, LogIndex{}, {noop(3, 5)}});
  CHECK(a.sent() == Lines{"b append refused term 3 after 4 hint 2@1"});
  // 2 is what was compared; 3 and 4 may be anything, and so are neither acknowledged nor committed.
  a.receive('b', AppendRequest{Term{3}, LogIndex{1}, Term{1}, LogIndex{4}, {entries_of_terms({1, 1})[1]}});
  CHECK(a.sent() == Lines{"b appended term 3 match 2"});
  CHECK(a.raft().commit_index() == LogIndex{2});
  CHECK(a.raft().last_index() == LogIndex{4});
}

TEST_CASE("section 5.3: a late append does not cut off what a later one has brought", "[raft]") {
  Solo a;
  const std::vector<Entry> entries = entries_of_terms({1, 1, 1});
  a.receive('b', AppendRequest{Term{1}, LogIndex{}, Term{}, LogIndex{}, entries});
  a.durable();
  CHECK(a.sent() == Lines{"b appended term 1 match 3"});
  a.receive('b', AppendRequest{Term{1}, LogIndex{}, Term{}, LogIndex{}, {entries[0]}});
  CHECK(a.sent() == Lines{"b appended term 1 match 1"});
  CHECK(a.raft().last_index() == LogIndex{3});
}

TEST_CASE(
    "entries are overwritten while their write is in flight: its completion is not taken for the new ones'",
    "[raft]") {
  Solo a({1});
  a.receive('b',
            AppendRequest{
                Term{2}, LogIndex{1}, Term{1}, LogIndex{}, {noop(2, 2), entry(2, 3, "x"), entry(2, 4, "y")}});
  const std::uint64_t old_write = a.last_write;
  CHECK(a.sent() == Lines{});
  // c leads term 3 with another entry 3. Entry 2 of the old write still stands.
  a.receive('c', AppendRequest{Term{3}, LogIndex{2}, Term{2}, LogIndex{}, {noop(3, 3)}});
  const std::uint64_t new_write = a.last_write;
  REQUIRE(new_write > old_write);
  CHECK(a.raft().durable_index() == LogIndex{1});
  a.step(Persisted{old_write});
  CHECK(a.raft().durable_index() == LogIndex{2});
  CHECK(a.sent() ==
        Lines{"b appended term 2 match 4"});  // true when the write completed, and of a term that is over
  a.step(Persisted{new_write});
  CHECK(a.raft().durable_index() == LogIndex{3});
  CHECK(a.sent() == Lines{"c appended term 3 match 3"});
}

TEST_CASE("an acknowledgement waits for the write that holds what it cites, not for later ones", "[raft]") {
  Solo a;
  a.receive('b', AppendRequest{Term{1}, LogIndex{}, Term{}, LogIndex{}, {noop(1, 1)}});
  const std::uint64_t first = a.last_write;
  a.receive('b', AppendRequest{Term{1}, LogIndex{1}, Term{1}, LogIndex{}, {entry(1, 2, "x")}});
  const std::uint64_t second = a.last_write;
  a.receive('b', AppendRequest{Term{1}, LogIndex{}, Term{}, LogIndex{}, {noop(1, 1)}});  // again
  a.step(Persisted{first});
  CHECK(a.sent() == Lines{"b appended term 1 match 1", "b appended term 1 match 1"});
  a.step(Persisted{second});
  CHECK(a.sent() == Lines{"b appended term 1 match 2"});
}

TEST_CASE("a stalled disk at a follower stops neither heartbeats nor the group", "[raft]") {
  Cluster group;
  const char leader = group.settle();
  const char other = leader == 'a' ? 'b' : 'a';
  const Term term = group.raft(leader).term();
  group.stall(other);
  for (int i = 0; i < 50; ++i) {
    group.propose(leader, "x" + std::to_string(i));
    group.run(50);
  }
  CHECK(group.leader() == leader);
  CHECK(group.raft(leader).term() == term);
  CHECK(group.has_applied(leader, "x49"));
  CHECK(group.raft(leader).progress().at(id_of(other)).match == LogIndex{1});
  group.resume(other);
  group.run(300);
  CHECK(group.raft(leader).progress().at(id_of(other)).match == group.raft(leader).last_index());
  CHECK(group.violation == "");
}

TEST_CASE("a stalled disk at the leader: it goes on leading, and counts the others only", "[raft]") {
  Cluster group;
  const char leader = group.settle();
  const char other = leader == 'a' ? 'b' : 'a';
  const Term term = group.raft(leader).term();
  group.stall(leader);
  group.propose(leader, "x");
  group.run(1000);
  CHECK(group.leader() == leader);
  CHECK(group.raft(leader).term() == term);
  CHECK(group.applied_everywhere("x"));
  CHECK(group.raft(leader).durable_index() == LogIndex{1});
  group.isolate(other);  // now one durable copy is left, and the leader's own is none
  group.propose(leader, "y");
  group.run(200);
  CHECK_FALSE(group.has_applied(leader, "y"));
  group.resume(leader);
  group.run(200);
  CHECK(group.has_applied(leader, "y"));
}

TEST_CASE("a failed write halts the peer for good, and nothing of it is acknowledged", "[raft]") {
  Cluster group;
  const char leader = group.settle();
  group.peer(leader).fail_next_write = true;
  group.propose(leader, "x");
  group.run(20);
  CHECK(group.peer(leader).halted == "log: fsync: Input/output error");
  CHECK(group.raft(leader).role() == Role::halted);
  CHECK(group.raft(leader).deadline() == std::nullopt);
  CHECK(group.raft(leader).step(Instant::max(), Tick{}).empty());
  group.run(1000);
  CHECK(group.leader() != leader);
  CHECK(group.has_leader());
}

TEST_CASE("the window is bounded, and so are proposals that are not committed", "[raft]") {
  Solo a;
  a.config.in_flight = 4;
  a.config.append_bytes = 1;  // one entry a message
  a.config.uncommitted_limit = 1000;
  a.become_leader();
  a.receive('b', AppendReply{Term{1}, true, false, LogIndex{1}, LogIndex{}, Term{}});
  std::size_t to_b = 0;
  for (int i = 0; i < 10; ++i) {
    a.step(Propose{{{1}}});
    for (const std::string& line : a.sent()) to_b += line.starts_with("b append") ? 1 : 0;
  }
  CHECK(to_b == 4);
  a.receive('b', AppendReply{Term{1}, true, false, LogIndex{2}, LogIndex{}, Term{}});
  CHECK(a.sent().back() == "b append term 1 after 5@1 entries 6 commit 1");
  a.step(Propose{{Bytes(1000)}});
  REQUIRE(a.all<ProposalDropped>().size() == 1);
  CHECK(a.all<ProposalDropped>()[0].commands.size() == 1);
  CHECK(a.raft().last_index() == LogIndex{11});
}

TEST_CASE("lost requests are found by a heartbeat's answer, and only what is lost is sent again", "[raft]") {
  Cluster group;
  const char leader = group.settle();
  int lost = 3;
  group.drop_if = [&](char from, char, const Message& message) {
    const auto* append = std::get_if<AppendRequest>(&message);
    return from == leader && append != nullptr && !append->entries.empty() && lost-- > 0;
  };
  for (int i = 0; i < 3; ++i) group.propose(leader, "x" + std::to_string(i));
  CHECK(group.run_until([&] { return group.applied_everywhere("x2"); }, 300));
}
