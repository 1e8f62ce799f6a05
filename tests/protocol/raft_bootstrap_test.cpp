// SPDX-License-Identifier: MIT
// What a peer with an empty state may do: founding, refusal, --rejoin (bootstrap.cpp says why).
#include <catch2/catch.hpp>

#include "raft_cluster.hpp"
#include "raft_solo.hpp"

using namespace raft_test;

namespace {

Options empty_disks() {
  Options options;
  options.founded = false;
  return options;
}

StateAnswer answer(const Solo& asker, bool empty, bool knows, std::uint64_t term = 0) {
  StateAnswer out;
  for (const Action& action : asker.actions) {
    const auto* send = std::get_if<Send>(&action);
    if (send == nullptr) continue;
    if (const auto* query = std::get_if<StateQuery>(&send->message)) out.nonce = query->nonce;
  }
  out.empty = empty;
  out.knows_you = knows;
  out.term = Term{term};
  if (!empty) out.founders = asker.recovered.hard_state.founders;
  return out;
}

// A peer with nothing, that has asked.
struct Empty : Solo {
  explicit Empty(bool with_rejoin = false) {
    config.rejoin = with_rejoin;
    config.incarnation[0] = 77;
    others = recovered.hard_state.founders;
    recovered.hard_state.founders.clear();
    step(Tick{});
    query = answer(*this, true, false);
  }
  const Actions& answered(char from, bool empty, bool knows, std::uint64_t term = 0) {
    StateAnswer out = query;
    out.empty = empty;
    out.knows_you = knows;
    out.term = Term{term};
    if (!empty) out.founders = others;
    if (knows) out.founders[config.self] = config.incarnation;
    return receive(from, out);
  }
  std::map<NodeId, Incarnation> others;
  StateAnswer query;
};

}  // namespace

TEST_CASE("three empty peers found the group together, then elect", "[raft]") {
  Cluster group(empty_disks());
  group.run(35);
  CHECK(group.trace() == R"([  10] a > b state query
[  10] a > c state query
[  10] b > a state query
[  10] b > c state query
[  10] c > a state query
[  10] c > b state query
[  20] b > a state answer empty
[  20] c > a state answer empty
[  20] a > b state answer empty
[  20] c > b state answer empty
[  20] a > c state answer empty
[  20] b > c state answer empty
[  21] a is follower in term 0
[  21] b is follower in term 0
[  21] c is follower in term 0
)");
  group.settle();
  for (const char name : group.names()) {
    CHECK(group.raft(name).hard_state().founders == group.raft('a').hard_state().founders);
    CHECK(group.raft(name).hard_state().founders.size() == 3);
  }
}

TEST_CASE("founding goes through in spite of loss, and whoever is late joins what was founded", "[raft]") {
  Options options = empty_disks();
  options.drop = 0.5;
  Cluster group(options);
  group.crash('c');
  group.run(3000);
  CHECK_FALSE(group.has_leader());  // c has not answered: it might remember
  group.start('c');
  CHECK(group.run_until([&] { return group.has_leader(); }, 30000));
  group.drop() = 0;
  group.settle();
  CHECK(group.violation == "");
}

TEST_CASE("one that is alone founds at once", "[raft]") {
  Options options = empty_disks();
  options.peers = 1;
  Cluster group(options);
  group.run(5);
  CHECK(group.leader() == 'a');
}

TEST_CASE("an empty peer neither votes nor acknowledges nor campaigns", "[raft]") {
  Empty a;
  const Message asked[] = {VoteRequest{Term{5}, LogIndex{9}, Term{4}},
                           VoteRequest{Term{5}, LogIndex{9}, Term{4}, true},
                           AppendRequest{Term{5}, LogIndex{}, Term{}, LogIndex{}, {}},
                           Heartbeat{Term{5}, LogIndex{}, 1},
                           SnapshotRequest{Term{5}, LogIndex{9}, Term{4}, 0, 0, {}},
                           TimeoutNow{Term{5}}};
  for (const Message& message : asked) {
    a.receive('b', message);
    CHECK(a.actions.empty());
  }
  CHECK(a.raft().role() == Role::bootstrap);
  a.receive('b', StateQuery{Incarnation{9}, 4711});
  REQUIRE(a.sent() == Lines{"b state answer empty"});
  a.tick_at_deadline();
  CHECK(a.sent() == Lines{"b state query", "c state query"});
}

TEST_CASE("founding is durable before anything else", "[raft]") {
  Empty a;
  a.answered('b', true, false);
  CHECK(a.all<Persist>().empty());
  a.answered('c', false, true, 3);
  REQUIRE(a.all<Persist>().size() == 1);
  CHECK(a.all<Persist>()[0].hard_state->founders.size() == 3);
  CHECK(a.all<Persist>()[0].hard_state->founders.at(id_of('a'))[0] == 77);
  a.receive('b', VoteRequest{Term{4}, LogIndex{}, Term{}});
  CHECK(a.actions.empty());
  a.durable();
  CHECK(a.raft().role() == Role::follower);
}

TEST_CASE("an answer to an earlier question, or of a group with other peers, does not count", "[raft]") {
  Empty a;
  StateAnswer late = a.query;
  late.empty = true;
  ++late.nonce;
  a.receive('b', late);
  a.answered('c', true, false);
  CHECK(a.all<Persist>().empty());
  a.others[NodeId{9}] = {};
  a.answered('b', false, true, 3);
  CHECK(a.all<Persist>().empty());
  REQUIRE(a.all<Refused>().size() == 1);
  CHECK(a.all<Refused>()[0].peer == id_of('b'));
}

TEST_CASE("a wiped peer is refused, says so once, and takes no part", "[raft]") {
  Cluster group;
  const char leader = group.settle();
  const char other = leader == 'a' ? 'b' : 'a';
  group.wipe(other);
  group.start(other);
  group.run(3000);
  CHECK(group.raft(other).role() == Role::bootstrap);
  REQUIRE(group.peer(other).refused.size() == 1);
  CHECK(group.peer(other).refused[0].find("--rejoin") != std::string::npos);
  CHECK(group.leader() == leader);
}

TEST_CASE(
    "a rejoining peer (--rejoin) takes a term above all, and is recovering until a leader of that term has "
    "brought "
    "it up",
    "[raft]") {
  Cluster group;
  const char leader = group.settle();
  const char other = leader == 'a' ? 'b' : 'a';
  group.propose(leader, "x");
  group.run(100);
  const Term before = group.raft(leader).term();
  group.wipe(other);
  group.peer(other).rejoin = true;
  group.start(other);
  REQUIRE(group.run_until([&] { return group.raft(other).role() != Role::bootstrap; }));
  CHECK(group.raft(other).recovering());
  CHECK(group.raft(other).term().value == before.value + 1);
  REQUIRE(group.run_until([&] { return group.has_applied(other, "x"); }));
  group.run(200);
  CHECK_FALSE(group.raft(other).recovering());
  CHECK(group.raft(group.leader()).term() > before);  // the leader of the lower term was deposed
  CHECK(group.peer(other).disk.hard_state.recovering_until == Term{0});
  CHECK(group.violation == "");
}

TEST_CASE("a recovering peer is asked for all and counted for nothing", "[raft]") {
  Empty a(true);
  a.answered('b', false, false, 6);
  CHECK(a.all<Persist>().empty());
  a.answered('c', false, false, 4);
  REQUIRE(a.all<Persist>().size() == 1);
  CHECK(a.all<Persist>()[0].hard_state->term == Term{7});
  a.durable();
  REQUIRE(a.raft().recovering());
  a.receive('b', VoteRequest{Term{8}, LogIndex{9}, Term{6}, true});
  CHECK(a.sent() == Lines{"b pre-vote term 7 refused"});
  a.receive('b', VoteRequest{Term{8}, LogIndex{9}, Term{6}});
  a.durable();
  CHECK(a.sent() == Lines{"b vote term 8 refused"});
  a.receive('b', Heartbeat{Term{8}, LogIndex{}, 1});
  CHECK(a.sent() == Lines{"b heartbeat reply term 8 round 1 recovering"});
  a.receive('b', AppendRequest{Term{8}, LogIndex{}, Term{}, LogIndex{1}, {entry(6, 1), entry(8, 2)}});
  a.durable();
  CHECK(a.sent() == Lines{"b appended term 8 match 2 recovering"});
  CHECK(a.raft().recovering());  // entry 1 is committed, but not yet one of term 7 or later
  a.receive('b', TimeoutNow{Term{8}});
  a.tick_at_deadline();
  a.tick_at_deadline();
  CHECK(a.sent() == Lines{});
  a.receive('b', Heartbeat{Term{8}, LogIndex{2}, 2});
  CHECK(a.sent() == Lines{});  // first it must be durable that it is not recovering any more
  a.durable();
  CHECK(a.sent() == Lines{"b heartbeat reply term 8 round 2"});
}

TEST_CASE("a leader counts a recovering peer neither for commits nor for staying in office", "[raft]") {
  Solo a;
  a.become_leader();
  a.receive('b', AppendReply{Term{1}, true, true, LogIndex{1}, LogIndex{}, Term{}});
  CHECK(a.raft().commit_index() == LogIndex{0});
  CHECK(a.raft().progress().at(id_of('b')).match == LogIndex{1});  // it steers the flow
  for (int i = 0; i < 10; ++i) {
    a.tick_at_deadline();
    a.receive('b', HeartbeatReply{Term{1}, 1, true});
  }
  CHECK(a.raft().role() != Role::leader);
}

TEST_CASE("a peer that asked to rejoin and is started without it is still refused", "[raft]") {
  Cluster group;
  const char leader = group.settle();
  const char other = leader == 'a' ? 'b' : 'a';
  group.wipe(other);
  group.peer(other).rejoin = true;
  group.start(other);
  group.run(12);  // it has been heard of
  group.crash(other);
  group.peer(other).rejoin = false;
  group.start(other);
  group.run(2000);
  CHECK(group.raft(other).role() == Role::bootstrap);
}

TEST_CASE("when a majority was wiped nobody leads: data is lost, and is not papered over", "[raft]") {
  Cluster group;
  group.settle();
  for (const char name : {'b', 'c'}) {
    group.wipe(name);
    group.peer(name).rejoin = true;
    group.start(name);
  }
  group.run(5000);
  CHECK_FALSE(group.has_leader());
}

namespace {

// It was given a state to begin with.
void give_beginning(Solo& solo) {
  solo.recovered.snapshot = Snapshot{LogIndex{9}, Term{4}, Bytes{1, 2, 3}};
  solo.recovered.hard_state.term = Term{4};
}

}  // namespace

TEST_CASE("peers with one beginning found with it, and stay silent until all have it", "[raft]") {
  Solo a;
  a.config.incarnation[0] = 77;
  a.recovered.hard_state.founders.clear();
  give_beginning(a);
  a.step(Tick{});
  CHECK(a.raft().role() == Role::bootstrap);
  StateAnswer alike = answer(a, true, false, 4);
  a.receive('b', VoteRequest{Term{5}, LogIndex{9}, Term{4}});
  CHECK(a.actions.empty());
  StateAnswer other = alike;
  other.term = Term{};
  a.receive('b', alike);
  a.receive('c', other);
  CHECK(a.all<Persist>().empty());
  REQUIRE(a.all<Refused>().size() == 1);
  CHECK(a.all<Refused>()[0].peer == id_of('c'));
  a.receive('c', alike);
  REQUIRE(a.all<Persist>().size() == 1);
  a.durable();
  CHECK(a.raft().role() == Role::follower);
  // Nobody with less than that is elected.
  a.receive('b', VoteRequest{Term{5}, LogIndex{8}, Term{4}});
  CHECK(a.sent() != Lines{"b vote term 5 granted"});
}

TEST_CASE("an empty peer does not found with one that was given a beginning", "[raft]") {
  Empty a;
  a.answered('b', true, false, 4);
  a.answered('c', true, false);
  CHECK(a.all<Persist>().empty());
  CHECK(a.raft().role() == Role::bootstrap);
  REQUIRE(a.all<Refused>().size() == 1);
  CHECK(a.all<Refused>()[0].peer == id_of('b'));
}
