// SPDX-License-Identifier: MIT
// Peers whose disk is full or stands still: who hands over, who stands, and who stays.
#include <catch2/catch.hpp>

#include "raft_cluster.hpp"
#include "raft_solo.hpp"

using namespace raft_test;
using namespace std::chrono_literals;

namespace {

AppendReply appended(std::uint64_t match) {
  return {Term{1}, true, false, LogIndex{match}, LogIndex{}, Term{}};
}
HeartbeatReply beat(std::uint64_t round, DiskState disk = DiskState::ready) {
  return {Term{1}, round, false, disk};
}

// A leader of three to whom both others have answered in its term, c later than b.
void lead(Solo& a) {
  a.become_leader();
  a.receive('b', beat(1));
  a.receive('c', beat(1));
  a.receive('b', appended(1));
  a.after(1, Tick{});
  a.receive('c', appended(1));
}

// Answers what the last step has beaten, as the disks of b and c are; nothing: that one is silent.
void answer(Solo& a, std::optional<DiskState> b, std::optional<DiskState> c) {
  std::uint64_t round = 0;
  for (const Send& send : a.all<Send>()) {
    if (const auto* sent = std::get_if<Heartbeat>(&send.message)) round = std::max(round, sent->round);
  }
  if (round == 0) return;
  if (b) a.receive('b', beat(round, *b));
  if (c) a.receive('c', beat(round, *c));
}

// How long it leads on, in ms, up to `limit`.
int led_for(Solo& a, std::optional<DiskState> b, std::optional<DiskState> c, int limit = 5000) {
  for (int ms = 0; ms < limit; ms += 10) {
    a.after(10, Tick{});
    if (a.raft().role() != Role::leader) return ms;
    answer(a, b, c);
  }
  return limit;
}

}  // namespace

TEST_CASE("a leader whose disk is full hands over at once, to who has acknowledged last",
          "[raft][writable]") {
  Solo a;
  lead(a);
  a.step(Room{false});
  CHECK(a.sent() == Lines{"c time out now term 1"});
  CHECK(a.all<Persist>().empty());  // by message alone
  CHECK(a.raft().is_making_way());
  a.step(Propose{{{1}}});
  CHECK(a.all<ProposalDropped>().size() == 1);  // it will go to the next leader
  a.receive('c', VoteRequest{Term{2}, LogIndex{1}, Term{1}, false, true});
  CHECK(a.raft().role() == Role::follower);
  CHECK(a.raft().term() == Term{2});
}

TEST_CASE("who cannot write is not handed to", "[raft][writable]") {
  const DiskState cannot = GENERATE(DiskState::full, DiskState::stalled);
  Solo a;
  lead(a);
  a.receive('c', beat(1, cannot));
  a.step(Room{false});
  CHECK(a.sent() == Lines{"b time out now term 1"});
}

TEST_CASE("a leader that is told to stop hands over to one that can write, if there is one",
          "[raft][writable]") {
  Solo a;
  lead(a);
  a.receive('b', beat(1, DiskState::full));
  a.step(TransferLeadership{});
  CHECK(a.sent() == Lines{"c time out now term 1"});

  Solo full;
  lead(full);
  full.receive('b', beat(1, DiskState::full));
  full.receive('c', beat(1, DiskState::full));
  full.step(TransferLeadership{});
  CHECK(full.sent().size() == 1);
}

TEST_CASE("a leader whose disk stands still for a second hands over, and without an answer stops beating",
          "[raft][writable]") {
  Solo a;
  lead(a);
  a.step(Propose{{{1}}});  // this write never ends
  a.receive('b', appended(2));
  a.receive('c', appended(2));
  CHECK(a.raft().disk_state() == DiskState::ready);
  CHECK(led_for(a, DiskState::ready, DiskState::ready, 990) == 990);
  const int ms = led_for(a, DiskState::ready, DiskState::ready);
  CHECK(ms >= 600);
  CHECK(ms <= 1000);
  // It does not stand either.
  for (int i = 0; i < 20; ++i) {
    a.tick_at_deadline();
    CHECK(a.sent() == Lines{});
  }
}

TEST_CASE("a full leader stays if all have said that they cannot write, and hands over when one can again",
          "[raft][writable]") {
  Solo a;
  lead(a);
  a.receive('b', beat(1, DiskState::full));
  a.receive('c', beat(1, DiskState::stalled));
  a.step(Room{false});
  CHECK(a.sent() == Lines{});
  CHECK_FALSE(a.raft().is_making_way());
  CHECK_FALSE(a.raft().majority_has_room());
  CHECK(led_for(a, DiskState::full, DiskState::stalled) == 5000);
  const std::uint64_t round = a.raft().progress().at(id_of('b')).round;
  a.tick_at_deadline();
  a.receive('b', beat(round + 1));
  a.tick_at_deadline();
  CHECK(a.sent().front() == "b time out now term 1");
}

TEST_CASE("one of the others has not said that it cannot write: after two election time-outs it may stand",
          "[raft][writable]") {
  Solo a;
  lead(a);
  a.receive('b', beat(1, DiskState::full));
  a.step(Room{false});
  CHECK(a.sent() == Lines{"c time out now term 1"});
  // c is gone; b answers, so check-quorum is content.
  const int ms = led_for(a, DiskState::full, std::nullopt);
  CHECK(ms >= 580);
  CHECK(ms <= 700);
}

TEST_CASE("at level 1 nobody tells: who was asked and still follows has said enough", "[raft][writable]") {
  Solo a;
  a.become_leader();
  a.receive('b', beat(1, DiskState::unknown));
  a.receive('c', beat(1, DiskState::unknown));
  a.receive('b', appended(1));
  a.receive('c', appended(1));
  a.step(Room{false});
  CHECK(a.sent().size() == 1);
  CHECK(led_for(a, DiskState::unknown, DiskState::unknown) == 5000);
}

TEST_CASE("a leader hands over for want of a disk once a minute at most", "[raft][writable]") {
  Solo a;
  lead(a);
  a.step(Room{false});
  CHECK(a.sent() == Lines{"c time out now term 1"});
  a.step(Room{true});
  CHECK(led_for(a, DiskState::ready, DiskState::ready, 30'000) == 30'000);
  a.step(Room{false});
  CHECK(a.sent() == Lines{});
  CHECK_FALSE(a.raft().is_making_way());
  CHECK(led_for(a, DiskState::ready, DiskState::ready, 29'000) == 29'000);
  CHECK(led_for(a, DiskState::ready, DiskState::ready, 2'500) < 2'500);
  CHECK(a.raft().role() == Role::follower);  // nobody took over
}

TEST_CASE("a full peer stands only when for two election time-outs nobody else has", "[raft][writable]") {
  Solo a;
  a.step(Room{false});
  Instant first{};
  bool stands = false;
  for (int i = 0; i < 20 && !stands; ++i) {
    a.tick_at_deadline();
    if (first == Instant{}) first = a.now;
    stands = !a.sent().empty();
  }
  CHECK(stands);
  CHECK(a.now >= first + 2 * a.config.election_high);
  CHECK(a.now <= first + 3 * a.config.election_high);

  // Somebody who asks for its vote stands, and is waited for.
  Solo b;
  b.step(Room{false});
  for (int i = 0; i < 30; ++i) {
    b.tick_at_deadline();
    CHECK(b.sent() == Lines{});
    b.receive('c', VoteRequest{Term{1}, LogIndex{}, Term{}, true});
    CHECK(b.sent() == Lines{"c pre-vote term 1 granted"});
  }
}

TEST_CASE("who cannot write does not take over when asked", "[raft][writable]") {
  Solo a;
  a.receive('b', Heartbeat{Term{3}, LogIndex{}, 1});
  a.durable();
  a.step(Room{false});
  a.receive('b', TimeoutNow{Term{3}});
  CHECK(a.raft().role() == Role::follower);
  a.step(Room{true});
  a.receive('b', TimeoutNow{Term{3}});
  CHECK(a.raft().role() == Role::candidate);
}

TEST_CASE("answers to heartbeats say whether the disk takes what is written", "[raft][writable]") {
  Solo a;
  a.receive('b', Heartbeat{Term{3}, LogIndex{}, 1});
  CHECK(a.sent() == Lines{});  // the term is not durable
  CHECK(a.durable().size() >= 1);
  CHECK(a.sent() == Lines{"b heartbeat reply term 3 round 1"});
  a.step(Room{false});
  a.receive('b', Heartbeat{Term{3}, LogIndex{}, 2});
  CHECK(a.sent() == Lines{"b heartbeat reply term 3 round 2 full"});
  a.step(Room{true});
  a.receive('b', AppendRequest{Term{3}, LogIndex{}, Term{}, LogIndex{}, {entry(3, 1)}});
  a.after(999, Tick{});
  a.receive('b', Heartbeat{Term{3}, LogIndex{}, 3});
  CHECK(a.sent() == Lines{"b heartbeat reply term 3 round 3"});
  a.after(1, Tick{});
  a.receive('b', Heartbeat{Term{3}, LogIndex{}, 4});
  CHECK(a.sent() == Lines{"b heartbeat reply term 3 round 4 stalled"});
  // A new term cannot get to the disk: nothing is said in it, but that.
  a.receive('c', Heartbeat{Term{4}, LogIndex{}, 1});
  CHECK(a.sent() == Lines{"c heartbeat reply term 0 round 0 stalled"});
  a.receive('c', VoteRequest{Term{5}, LogIndex{9}, Term{4}, true});
  CHECK(a.sent() == Lines{});
  a.durable();
  CHECK(a.raft().disk_state() == DiskState::ready);
}

TEST_CASE("a leader learns of a stalled disk whatever term its owner is in, and tells everybody",
          "[raft][writable]") {
  Solo a;
  lead(a);
  a.receive('b', HeartbeatReply{Term{}, 0, false, DiskState::stalled});
  CHECK(a.raft().disks().at(id_of('b')) == DiskState::stalled);
  a.tick_at_deadline();
  CHECK(a.sent().back() == "c heartbeat term 1 round 2 commit 1 disk 2 stalled");
  Solo c;
  c.receive('b', Heartbeat{Term{1}, LogIndex{}, 1, {{id_of('c'), DiskState::full}}});
  CHECK(c.raft().disks().at(id_of('c')) == DiskState::full);
}

TEST_CASE("at level 1 a leader whose disk stands still leads on: it commits by the others",
          "[raft][writable]") {
  Solo a;
  lead(a);
  for (const char other : {'b', 'c'}) a.receive(other, beat(1, DiskState::unknown));
  a.step(Propose{{{1}}});
  a.receive('b', appended(2));
  a.receive('c', appended(2));
  CHECK(a.raft().commit_index() == LogIndex{2});
  CHECK(led_for(a, DiskState::unknown, DiskState::unknown) == 5000);
}

TEST_CASE("who says that its disk stands still is sent what it cannot acknowledge, and applies it",
          "[raft][writable]") {
  Cluster group;
  const char old = group.settle();
  group.stall(old);
  group.propose(old, "stuck");
  REQUIRE(group.run_until([&] { return group.has_leader() && group.leader() != old; }));
  const char leader = group.leader();
  for (int i = 0; i < 200; ++i) {
    group.propose(leader, std::to_string(i));
    group.run(20);
  }
  group.run(100);
  CHECK(group.has_applied(old, "stuck"));
  CHECK(group.has_applied(old, "199"));
  CHECK(group.raft(leader).progress().at(id_of(old)).match < group.raft(leader).commit_index());
  CHECK(group.violation == "");
}

TEST_CASE("a majority has room as long as a majority has not said otherwise", "[raft][writable]") {
  Solo a;
  lead(a);
  CHECK(a.raft().majority_has_room());
  a.receive('b', beat(1, DiskState::full));
  CHECK(a.raft().majority_has_room());
  a.receive('c', beat(1, DiskState::stalled));  // what is slow is not full
  CHECK(a.raft().majority_has_room());
  a.receive('c', beat(1, DiskState::full));
  CHECK_FALSE(a.raft().majority_has_room());
}

// ---- groups

TEST_CASE("disks that fill and empty in any order: somebody leads, and who leads can write if anybody can",
          "[raft][writable]") {
  const bool level_one = GENERATE(false, true);
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    Options options;
    options.seed = seed;
    options.level_one = level_one;
    options.peers = random.chance(0.3) ? 5 : 3;
    options.tune = [](Config& config) { config.make_way_gap = 0ms; };
    Cluster group(options);
    group.settle();
    std::set<char> full;
    for (int i = 0; i < 12; ++i) {
      const char name = group.names()[random.below(group.names().size())];
      if (full.erase(name) > 0) {
        group.make_room(name);
      } else {
        full.insert(name);
        group.fill_disk(name);
      }
      group.run(static_cast<int>(random.below(1500)));
    }
    INFO("seed " << seed << (level_one ? " at level 1" : ""));
    // With one that can write: within a few time-outs it is one of those who leads.
    const bool anybody = full.size() < group.names().size();
    const auto well_led = [&] {
      return group.has_leader() && (!anybody || level_one || !full.contains(group.leader()));
    };
    CHECK(group.run_until(well_led, 4000));
    CHECK(group.violation == "");
    for (int i = 0; i < 10 && !group.applied_everywhere("still");
         ++i) {  // as users do: again, if nothing came of it
      if (group.has_leader()) group.propose(group.leader(), "still");
      group.run(500);
    }
    CHECK(group.applied_everywhere("still"));
  }
}

TEST_CASE("the leader's disk is full: the next leader takes commands within a second", "[raft][writable]") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Options options;
    options.seed = seed;
    options.level_one = seed % 2 == 0;
    Cluster group(options);
    const char old = group.settle();
    const Term term = group.raft(old).term();
    group.fill_disk(old);
    INFO("seed " << seed);
    CHECK(group.run_until([&] { return group.has_leader() && group.leader() != old; }, 200));
    group.propose(group.leader(), "next");
    CHECK(group.run_until([&] { return group.applied_everywhere("next"); }, 500));
    CHECK(group.raft(group.leader()).term().value == term.value + 1);
  }
}

TEST_CASE("two of three are full: one change of leader, and no more", "[raft][writable]") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Options options;
    options.seed = seed;
    Cluster group(options);
    const char first = group.settle();
    const Term term = group.raft(first).term();
    group.fill_disk(first);
    group.fill_disk(first == 'a' ? 'b' : 'a');
    group.run(20'000);
    INFO("seed " << seed);
    CHECK(group.has_leader());
    CHECK(group.raft(group.leader()).term().value <= term.value + 2);
    CHECK_FALSE(group.raft(group.leader()).majority_has_room());
    CHECK(group.raft(group.leader()).disk_state() == DiskState::ready);
  }
}

TEST_CASE("with all disks full the leader stays. Started again one of them leads", "[raft][writable]") {
  Cluster group;
  const char leader = group.settle();
  const Term term = group.raft(leader).term();
  for (const char name : group.names()) {
    if (name != leader) group.fill_disk(name);
  }
  group.run(100);
  group.fill_disk(leader);
  group.run(20'000);
  CHECK(group.leader() == leader);
  CHECK(group.raft(leader).term() == term);
  for (const char name : group.names()) group.crash(name);
  for (const char name : group.names()) group.start(name);
  for (const char name : group.names()) group.fill_disk(name);
  CHECK(group.run_until([&] { return group.has_leader(); }, 3000));
}

TEST_CASE("disks that stand still, one or two of three: what they owe is told, no storm of terms",
          "[raft][writable]") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Random random(seed);
    Options options;
    options.seed = seed;
    Cluster group(options);
    const char first = group.settle();
    const Term term = group.raft(first).term();
    group.stall(first);
    const bool two = random.chance(0.5);
    if (two) group.stall(first == 'a' ? 'b' : 'a');
    group.propose(first, "stuck");
    group.run(10'000);
    INFO("seed " << seed);
    const bool was_committed = two || group.has_applied(group.leader(), "stuck");
    CHECK(was_committed);
    for (const char name : group.names()) CHECK(group.raft(name).term().value <= term.value + 2);
    for (const char name : group.names()) group.resume(name);
    group.run(2000);
    REQUIRE(group.has_leader());
    group.propose(group.leader(), "on");
    CHECK(group.run_until([&] { return group.applied_everywhere("on"); }));
    CHECK(group.violation == "");
  }
}
