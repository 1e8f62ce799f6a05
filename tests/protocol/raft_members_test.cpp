// SPDX-License-Identifier: MIT
// Voters that change: learners, promotions, removals, and what becomes of them when leaders fall.
#include <catch2/catch.hpp>

#include "raft_rules.hpp"
#include "raft_solo.hpp"

using namespace raft_test;

namespace {

Options three_and(std::size_t later) {
  Options options;
  options.peers = 3 + later;
  options.later = later;
  return options;
}

Voters voters(const std::string& vote, const std::string& learn = {}) {
  Voters made;
  for (const char name : vote) made.voters.push_back(id_of(name));
  for (const char name : learn) made.learners.push_back(id_of(name));
  return made;
}

Entry members(std::uint64_t term, std::uint64_t index, const Voters& said) {
  return {Term{term}, LogIndex{index}, EntryKind::members, encode(said), 2};
}

Change change(Step step, char whom) {
  return {step, id_of(whom)};
}

AppendReply has(std::uint64_t term, std::uint64_t index) {
  return {Term{term}, true, false, LogIndex{index}, LogIndex{}, Term{}};
}

// All that were sent have it.
void commit_all(Solo& a, const std::string& who) {
  a.durable();
  for (const char name : who) a.receive(name, has(a.raft().term().value, a.raft().last_index().value));
}

// As dpeers does: again and again until it is done.
bool make(Cluster& group, Step step, char whom, int limit_ms = 8000) {
  return group.run_until(
      [&] {
        const char leader = group.leader();
        if (leader == 0) return false;
        const Raft& raft = group.raft(leader);
        const Voters now = raft.voters();
        const bool done = step == Step::promote  ? now.votes(id_of(whom))
                          : step == Step::remove ? !now.has(id_of(whom))
                                                 : now.learns(id_of(whom));
        if (done)
          return raft.commit_index() >= raft.voters_index() && !raft.why_not(change(Step::learn, 'z'));
        group.change(leader, step, whom);
        return false;
      },
      limit_ms);
}

}  // namespace

TEST_CASE("the bytes of a members entry, for ever", "[raft][members]") {
  const Bytes bytes = encode(voters("ab", "c"));
  CHECK(bytes == Bytes{2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0,
                       0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0});
  CHECK(decode_voters(bytes) == voters("ab", "c"));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(decode_voters(ByteView(bytes).first(size)));
  Bytes longer = bytes;
  longer.push_back(0);
  CHECK_FALSE(decode_voters(longer));
  CHECK_FALSE(decode_voters(encode(voters("ba"))));                // out of order
  CHECK_FALSE(decode_voters(encode(voters("aa"))));                // twice
  CHECK_FALSE(decode_voters(encode(voters("ab", "b"))));           // both
  CHECK_FALSE(decode_voters(encode(voters("", "a"))));             // nobody votes
  CHECK_FALSE(decode_voters(encode({{NodeId{0}}, {}})));           // nobody's number
  CHECK_FALSE(decode_voters(encode(voters("abcdefghijklmnop"))));  // sixteen
  CHECK(decode_voters(encode(voters("abcdefghijklmno"))));
  CHECK_FALSE(decode_voters(Bytes{0xff, 0xff, 0xff, 0xff}));
}

TEST_CASE("one step leads to voters that differ by one at most", "[raft][members]") {
  const Voters now = voters("abc", "d");
  CHECK(changed(now, change(Step::learn, 'e')) == voters("abc", "de"));
  CHECK(changed(now, change(Step::promote, 'd')) == voters("abcd"));
  CHECK(changed(now, change(Step::demote, 'b')) == voters("ac", "bd"));
  CHECK(changed(now, change(Step::remove, 'b')) == voters("ac", "d"));
  CHECK(changed(now, change(Step::remove, 'd')) == voters("abc"));
  CHECK_FALSE(changed(now, change(Step::learn, 'a')));
  CHECK_FALSE(changed(now, change(Step::learn, 'd')));
  CHECK_FALSE(changed(now, change(Step::promote, 'e')));
  CHECK_FALSE(changed(now, change(Step::demote, 'd')));
  CHECK_FALSE(changed(now, change(Step::remove, 'e')));
  CHECK_FALSE(changed(voters("a"), change(Step::remove, 'a')));  // nobody would vote
  CHECK_FALSE(changed(voters("abcdefghijklmno", "p"), change(Step::promote, 'p')));
}

TEST_CASE("a newcomer learns, is counted only when it votes, and then the group stands one more loss",
          "[raft][members]") {
  Cluster group(three_and(2));
  const char leader = group.settle();
  for (int i = 0; i < 200; ++i) group.propose(leader, std::to_string(i));
  CHECK(group.raft('d').role() == Role::follower);
  CHECK(group.raft('d').last_index() == LogIndex{0});
  REQUIRE(make(group, Step::learn, 'd'));
  REQUIRE(group.run_until([&] { return group.has_applied('d', "199"); }));
  CHECK_FALSE(group.raft(leader).voters().votes(id_of('d')));
  REQUIRE(make(group, Step::promote, 'd'));
  REQUIRE(make(group, Step::learn, 'e'));
  REQUIRE(make(group, Step::promote, 'e'));
  CHECK(group.raft(leader).voters() == voters("abcde"));
  group.crash('a');
  group.crash('b');
  REQUIRE(group.run_until([&] { return group.leader() > 'b'; }));
  group.propose(group.leader(), "three of five");
  CHECK(group.run_until([&] { return group.applied_everywhere("three of five"); }));
  CHECK(group.violation == "");
}

TEST_CASE("what speaks against a change", "[raft][members]") {
  Solo a;
  CHECK(a.raft().why_not(change(Step::learn, 'd')) == ChangeRefusal::not_leading);
  a.become_leader();
  CHECK(a.raft().why_not(change(Step::learn, 'd')) == ChangeRefusal::not_yet);
  a.step(ChangeMembers{change(Step::learn, 'd')});
  CHECK(a.raft().last_index() == LogIndex{1});
  commit_all(a, "bc");
  CHECK(a.raft().why_not(change(Step::promote, 'd')) == ChangeRefusal::no_such_step);
  CHECK(a.raft().why_not(change(Step::remove, 'a')) == ChangeRefusal::leads);
  CHECK(a.raft().why_not(change(Step::demote, 'a')) == ChangeRefusal::leads);
  CHECK_FALSE(a.raft().why_not(change(Step::remove, 'b')));
  a.step(ChangeMembers{change(Step::learn, 'd'), 1});  // not before the group's level 2
  CHECK(a.raft().last_index() == LogIndex{1});
  a.step(ChangeMembers{change(Step::learn, 'd')});
  CHECK(a.raft().voters() == voters("abc", "d"));
  CHECK(a.raft().why_not(change(Step::remove, 'b')) == ChangeRefusal::another);
  commit_all(a, "bc");
  CHECK(a.raft().why_not(change(Step::promote, 'd')) == ChangeRefusal::behind);
  a.receive('d', has(1, 2));
  CHECK_FALSE(a.raft().why_not(change(Step::promote, 'd')));
  a.step(TransferLeadership{});
  CHECK(a.raft().why_not(change(Step::demote, 'b')) == ChangeRefusal::hands_over);
}

TEST_CASE("a change after which too few would answer is refused", "[raft][members]") {
  Solo a;
  a.become_leader();
  commit_all(a, "bc");
  const Instant heard = a.now;  // of c, for the last time
  const auto until = [&](Duration since) {
    while (a.now < heard + since) {
      a.tick_at_deadline();
      std::uint64_t round = 0;
      for (const Send& send : a.all<Send>()) {
        if (const auto* beat = std::get_if<Heartbeat>(&send.message)) round = beat->round;
      }
      a.receive('b', HeartbeatReply{Term{1}, round, false});
    }
    REQUIRE(a.raft().role() == Role::leader);
  };
  // "In the last second", which is longer than an election time-out.
  until(std::chrono::milliseconds(600));
  CHECK_FALSE(a.raft().why_not(change(Step::remove, 'b')));
  until(std::chrono::milliseconds(1100));
  CHECK(a.raft().why_not(change(Step::remove, 'b')) == ChangeRefusal::no_majority_then);
  CHECK(a.raft().why_not(change(Step::demote, 'b')) == ChangeRefusal::no_majority_then);
  CHECK_FALSE(a.raft().why_not(change(Step::remove, 'c')));
}

TEST_CASE("a new leader does not count on a voter that it has never heard", "[raft][members]") {
  Solo a;
  a.become_leader();
  commit_all(a, "b");  // c was the leader, and has died
  CHECK(a.raft().why_not(change(Step::remove, 'b')) == ChangeRefusal::no_majority_then);
  CHECK(a.raft().why_not(change(Step::demote, 'b')) == ChangeRefusal::no_majority_then);
  CHECK_FALSE(a.raft().why_not(change(Step::remove, 'c')));
  a.step(ChangeMembers{change(Step::remove, 'b')});
  CHECK(a.raft().voters() == voters("abc"));
  commit_all(a, "c");
  CHECK_FALSE(a.raft().why_not(change(Step::remove, 'b')));
}

TEST_CASE("where heartbeats are seldom, three of them may pass before a voter does not answer",
          "[raft][members]") {
  Config config;
  CHECK(config.contact() == std::chrono::seconds(1));
  config.heartbeat = std::chrono::milliseconds(500);
  CHECK(config.contact() == std::chrono::milliseconds(1500));
}

TEST_CASE("a change is in force when it is appended, and not any more when it is overwritten",
          "[raft][members]") {
  Solo a({1, 1});
  a.receive('b', AppendRequest{Term{1}, LogIndex{2}, Term{1}, LogIndex{2}, {members(1, 3, voters("abcd"))}});
  CHECK(a.raft().voters() == voters("abcd"));
  a.receive('b',
            AppendRequest{Term{1}, LogIndex{3}, Term{1}, LogIndex{2}, {members(1, 4, voters("abcd", "e"))}});
  CHECK(a.raft().voters() == voters("abcd", "e"));
  a.receive('c', AppendRequest{Term{2}, LogIndex{3}, Term{1}, LogIndex{2}, {entry(2, 4)}});
  CHECK(a.raft().voters() == voters("abcd"));
  a.receive('d', AppendRequest{Term{3}, LogIndex{2}, Term{1}, LogIndex{2}, {entry(3, 3)}});
  CHECK(a.raft().voters() == voters("abc"));
}

TEST_CASE("a restarted peer goes by the last word in its log, also one that is not committed",
          "[raft][members]") {
  Solo a({1, 1});
  a.recovered.entries.push_back(members(1, 3, voters("abcd")));
  CHECK(a.raft().voters() == voters("abcd"));
  a.tick_at_deadline();
  a.receive('b', VoteReply{Term{2}, true, true});
  CHECK(a.raft().role() == Role::pre_candidate);  // two of four
  a.receive('d', VoteReply{Term{2}, true, true});
  CHECK(a.raft().role() == Role::candidate);
}

TEST_CASE("a snapshot brings the voters, and a log after it may change them", "[raft][members]") {
  Solo a({1, 1});
  SnapshotRequest piece{Term{2}, LogIndex{9}, Term{2}, 3, 0, {1, 2, 3}, 2, voters("bcd", "a")};
  SECTION("installed") {
    a.receive('b', piece);
    CHECK(a.raft().voters() == voters("bcd", "a"));
    const auto persist = a.all<Persist>();
    REQUIRE(persist.size() == 1);
    CHECK(persist[0].snapshot->voters == voters("bcd", "a"));
  }
  SECTION("those that cannot be are refused") {
    piece.voters = voters("dcb");
    a.receive('b', piece);
    CHECK(a.all<Refused>().size() == 1);
    CHECK(a.raft().last_index() == LogIndex{2});
  }
  SECTION("recovered") {
    a.recovered.snapshot = Snapshot{LogIndex{9}, Term{1}, Bytes{1}, 2, voters("bcd", "a")};
    a.recovered.entries = {members(1, 10, voters("bcd"))};
    CHECK(a.raft().voters() == voters("bcd"));
    a.receive('b', AppendRequest{Term{2}, LogIndex{9}, Term{1}, LogIndex{9}, {entry(2, 10)}});
    CHECK(a.raft().voters() == voters("bcd", "a"));
  }
}

TEST_CASE("a newcomer founds nothing, stands in no election, and is nobody until it is sent the log",
          "[raft][members]") {
  Solo d;
  d.config.self = id_of('d');
  d.recovered.hard_state.founders.clear();
  CHECK(d.raft().role() == Role::follower);
  for (int i = 0; i < 5; ++i) {
    d.tick_at_deadline();
    CHECK(d.sent().empty());
  }
  d.receive('b', AppendRequest{Term{3}, LogIndex{}, Term{}, LogIndex{}, {members(3, 1, voters("abc", "d"))}});
  CHECK(d.durable().size() == 1);
  CHECK(d.sent() == Lines{"b appended term 3 match 1"});
  d.receive('b', TimeoutNow{Term{3}});
  CHECK(d.raft().role() == Role::follower);
  d.tick_at_deadline();
  CHECK(d.raft().role() == Role::follower);
}

TEST_CASE("a leader removes all others, is alone, and takes one in again", "[raft][members]") {
  Cluster group(three_and(0));
  const char leader = group.settle();
  std::string others;
  for (const char name : group.names()) others += name == leader ? "" : std::string(1, name);
  REQUIRE(make(group, Step::remove, others[0]));
  REQUIRE(make(group, Step::remove, others[1]));
  group.run(2000);
  CHECK(group.raft(leader).alone());
  group.propose(leader, "alone");
  REQUIRE(group.run_until([&] { return group.has_applied(leader, "alone"); }));
  REQUIRE(make(group, Step::learn, others[1]));
  REQUIRE(make(group, Step::promote, others[1]));
  CHECK(group.has_applied(others[1], "alone"));
  CHECK(group.violation == "");
}

TEST_CASE("a voter that was removed and did not hear of it disturbs nobody", "[raft][members]") {
  Cluster group(three_and(0));
  const char leader = group.settle();
  const char gone = leader == 'c' ? 'b' : 'c';
  group.isolate(gone);
  REQUIRE(make(group, Step::remove, gone));
  group.run(1500);  // it is given up
  const Term term = group.raft(leader).term();
  group.heal();
  for (int i = 0; i < 20; ++i) group.propose(leader, std::to_string(i));
  group.run(5000);
  CHECK(group.leader() == leader);
  CHECK(group.raft(leader).term() == term);
  CHECK_FALSE(group.has_applied(gone, "19"));
  // It was told, and is silent until it is taken in again.
  CHECK(group.raft(gone).is_removed());
  group.forget_trace();
  group.run(3000);
  CHECK(group.trace().find(std::string(1, gone) + " > ") == std::string::npos);
  REQUIRE(make(group, Step::learn, gone));
  REQUIRE(make(group, Step::promote, gone));
  CHECK_FALSE(group.raft(gone).is_removed());
  CHECK(group.has_applied(gone, "19"));
  CHECK(group.violation == "");
}

TEST_CASE("who asks for a vote is told that it has none, once that is committed", "[raft][members]") {
  Solo a({1, 1});
  a.recovered.entries.push_back(members(1, 3, voters("ab")));
  VoteRequest request{Term{2}, LogIndex{3}, Term{1}, true};
  a.receive('c', request);
  CHECK(a.sent() == Lines{"c pre-vote term 2 granted"});
  a.receive('b', AppendRequest{Term{2}, LogIndex{3}, Term{1}, LogIndex{3}, {entry(2, 4)}});
  a.durable();
  a.receive('c', request);
  CHECK(a.sent() == Lines{"c no voter by 3", "c pre-vote term 2 refused"});
}

TEST_CASE("a peer believes that it was removed only by a word that it does not have", "[raft][members]") {
  Solo a({1, 1});
  a.recovered.entries.push_back(members(1, 3, voters("abc")));
  a.receive('b', NotVoter{LogIndex{3}});
  CHECK_FALSE(a.raft().is_removed());
  a.receive('b', NotVoter{LogIndex{7}});
  CHECK(a.raft().is_removed());
  for (int i = 0; i < 3; ++i) {
    a.tick_at_deadline();
    CHECK(a.sent().empty());
  }
  a.receive('b', Heartbeat{Term{2}, LogIndex{}, 1});
  CHECK_FALSE(a.raft().is_removed());
}

TEST_CASE("what a snapshot at an entry says of the voters", "[raft][members]") {
  Solo a({1, 1});
  a.recovered.entries.push_back(members(1, 3, voters("ab", "c")));
  a.recovered.entries.push_back(members(1, 4, voters("ab")));
  CHECK(a.raft().voters_said_at(LogIndex{2}).empty());
  CHECK(a.raft().voters_at(LogIndex{2}) == a.config.peers);
  CHECK(a.raft().voters_said_at(LogIndex{3}) == voters("ab", "c"));
  CHECK(a.raft().voters_said_at(LogIndex{9}) == voters("ab"));
}

TEST_CASE("one that is removed while it answers is told, and stands no more", "[raft][members]") {
  Cluster group(three_and(0));
  const char leader = group.settle();
  const char gone = leader == 'c' ? 'b' : 'c';
  REQUIRE(make(group, Step::remove, gone));
  group.run(1500);
  CHECK_FALSE(group.raft(gone).voters().has(id_of(gone)));
  group.forget_trace();
  group.run(3000);
  CHECK(group.trace().find(std::string(1, gone) + " > ") == std::string::npos);
}

TEST_CASE("a leader that is killed in the middle of a change loses or keeps it whole", "[raft][members]") {
  for (int writes = 0; writes < 4; ++writes) {
    for (int ms = 0; ms < 40; ms += 7) {
      Cluster group(three_and(1));
      char leader = group.settle();
      REQUIRE(make(group, Step::learn, 'd'));
      group.run(200);
      group.change(leader, Step::promote, 'd');
      group.run(ms);
      group.crash_after_writing(leader, static_cast<std::size_t>(writes));
      REQUIRE(group.run_until([&] { return group.has_leader(); }));
      REQUIRE(make(group, Step::promote, 'd'));
      group.start(leader);
      group.propose(group.leader(), "after");
      REQUIRE(group.run_until([&] { return group.applied_everywhere("after"); }));
      for (const char name : group.names()) CHECK(group.raft(name).voters() == voters("abcd"));
      CHECK(group.violation == "");
    }
  }
}

TEST_CASE("each rule of changing voters has a scenario that goes well with it", "[raft][members]") {
  for (const RuleScenario& scenario : member_rule_scenarios()) {
    INFO(scenario.rule);
    CHECK(scenario.play() == "");
  }
}
