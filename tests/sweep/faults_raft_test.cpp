// SPDX-License-Identifier: MIT
// Faults in which real systems lost acknowledged data or stood still, as scenarios on the whole peer: those
// of messages and leaders. The numbers are those of the table in README.md, which says what must hold.
#include <catch2/catch.hpp>

#include "sweep/no_violation.hpp"
#include "sweep/scene.hpp"

using namespace coord;
using namespace coord::sweep;
using namespace std::chrono_literals;

namespace {}  // namespace

TEST_CASE("field fault 2: the leader is isolated: it acknowledges nothing, and there is one new leader") {
  Scene scene(5);
  scene.settle();
  const NodeId old = scene.leader();
  const Term term = scene.raft(old).term();
  scene.world.network().isolate(old);
  const auto waits = scene.lock(old, {});
  scene.run(3s);
  CHECK_FALSE(scene.granted(waits));
  const auto at_once = scene.lock(old, {.wait = false});
  CHECK(scene.until(1100ms, [&] { return scene.tool(at_once).refused.has_value(); }));
  CHECK(scene.tool(at_once).refused == local::RefusedKind::no_quorum);
  CHECK(scene.raft(old).role() != raft::Role::leader);
  CHECK(scene.leader() != old);
  CHECK(scene.leader() != NodeId{});
  CHECK(scene.raft(scene.leader()).term() > term);
  const auto elsewhere = scene.lock(scene.other_than(old), {});
  CHECK(scene.until(1s, [&] { return scene.granted(elsewhere); }));
  check_no_violation(scene);
}

TEST_CASE(
    "field fault 11: two peers are cut from each other, a third sees both: the leader stays, little waits") {
  Scene scene;
  scene.settle();
  const NodeId leader = scene.leader();
  const NodeId cut = scene.follower();
  const NodeId between = scene.other_than(leader, cut);
  const Term term = scene.raft(leader).term();
  scene.world.network().bridge(leader, cut);
  for (int i = 0; i < 50; ++i) {
    const auto id = scene.lock(i % 2 == 0 ? leader : between, {.name = std::to_string(i)});
    CHECK(scene.until(100ms, [&] { return scene.granted(id); }));
    scene.release(id);
    scene.run(100ms);
  }
  CHECK(scene.leader() == leader);
  CHECK(scene.raft(leader).term() == term);
  scene.world.network().heal();
  scene.run(1s);
  CHECK(scene.raft(scene.leader()).term() == term);
  CHECK(scene.converged());
  check_no_violation(scene);
}

TEST_CASE("field fault 12: a cut in one direction, each of them: no storm of terms") {
  const bool leader_is_deaf = GENERATE(false, true);
  Scene scene;
  scene.settle();
  const NodeId leader = scene.leader();
  const NodeId other = scene.follower();
  const Term term = scene.raft(leader).term();
  if (leader_is_deaf) {
    scene.world.network().cut(other, leader);
  } else {
    scene.world.network().cut(leader, other);
  }
  scene.run(10s);
  CHECK(scene.leader() == leader);
  CHECK(scene.raft(leader).term() == term);
  scene.world.network().heal();
  scene.run(1s);
  CHECK(scene.raft(scene.leader()).term() == term);
  check_no_violation(scene);
}

TEST_CASE("field fault 12: a leader that hears all and is heard by nobody makes way, once") {
  Scene scene;
  scene.settle();
  const NodeId old = scene.leader();
  const Term term = scene.raft(old).term();
  for (std::size_t i = 1; i <= 3; ++i) {
    if (NodeId{i} != old) scene.world.network().cut(old, NodeId{i});
  }
  scene.run(10s);
  CHECK(scene.leader() != old);
  CHECK(scene.raft(scene.leader()).term().value <= term.value + 3);
  check_no_violation(scene);
}

TEST_CASE("field fault 13: a read at the old leader during a cut is refused, not stale") {
  Scene scene;
  scene.settle();
  const NodeId old = scene.leader();
  const auto before = scene.held(scene.follower(), {.ttl = 5s});
  scene.world.network().isolate(old);
  // It still believes that it leads.
  REQUIRE(scene.raft(old).role() == raft::Role::leader);
  const auto early = scene.list(old);
  scene.until(2s, [&] { return scene.leader() != old; });
  scene.release(before);
  const auto next = scene.lock(scene.leader(), {.ttl = 5s});
  CHECK(scene.until(2s, [&] { return scene.granted(next); }));
  const auto late = scene.list(old);
  scene.run(4s);
  for (const auto id : {early, late}) {
    CHECK_FALSE(scene.tool(id).locks);
    CHECK(scene.tool(id).refused == local::RefusedKind::no_quorum);
  }
  scene.world.network().heal();
  scene.settle();
  const auto now = scene.holders(old, "lock");
  REQUIRE(now);
  CHECK(*now == std::vector<Token>{scene.token(next)});
  check_no_violation(scene);
}

TEST_CASE("field fault 22: 30 % of all messages are lost: nobody who renews loses its lock") {
  Scene scene(3, 7);
  scene.settle();
  std::vector<Scene::Id> holders;
  for (std::uint64_t i = 1; i <= 3; ++i)
    holders.push_back(scene.held(NodeId{i}, {.name = std::to_string(i), .ttl = 8s}));
  scene.world.network().set_weather({.drop = 0.3, .duplicate = 0, .reorder = 0, .delay = {}});
  scene.run(60s);
  for (const auto id : holders) {
    CHECK_FALSE(scene.tool(id).lost_at);
    CHECK_FALSE(scene.tool(id).killed_at);
  }
  scene.world.network().set_weather({});
  CHECK(scene.until(3s, [&] { return scene.converged(); }));
  check_no_violation(scene);
}

TEST_CASE("field fault 22: a member that runs in one of three moments only deposes nobody") {
  Scene scene;
  scene.settle();
  const NodeId leader = scene.leader();
  const Term term = scene.raft(leader).term();
  const NodeId starved = scene.follower();
  const auto holder = scene.held(starved, {.ttl = 2s});
  for (int i = 0; i < 100; ++i) {
    scene.world.pause(starved);
    scene.run(80ms);
    scene.world.resume(starved);
    scene.run(40ms);
  }
  CHECK(scene.leader() == leader);
  CHECK(scene.raft(leader).term() == term);
  CHECK_FALSE(scene.tool(holder).lost_at);
  check_no_violation(scene);
}

TEST_CASE(
    "field fault 25: peers go off one by one and come back in any order: all converges, nothing is lost") {
  const std::uint64_t seed = GENERATE(range(1, 9));
  Scene scene(5, seed);
  Random random(seed);
  scene.settle();
  const auto holder = scene.held(NodeId{1}, {.ttl = 60s});
  std::vector<NodeId> order;
  for (std::uint64_t i = 1; i <= 5; ++i) order.push_back(NodeId{i});
  const auto shuffle = [&] {
    for (std::size_t i = 0; i + 1 < order.size(); ++i) std::swap(order[i], order[i + random.below(5 - i)]);
  };
  shuffle();
  for (const NodeId node : order) {
    scene.world.crash(node, random.chance(0.5) ? sim::CrashKind::power : sim::CrashKind::process);
    const auto id = scene.lock(scene.other_than(node), {.name = "busy"});
    scene.run(random.between(50ms, 1500ms));
    scene.release(id);
  }
  shuffle();
  for (const NodeId node : order) {
    scene.world.start(node);
    scene.run(random.between(50ms, 1500ms));
  }
  CHECK(scene.until(5s, [&] { return scene.converged(); }));
  const auto held = scene.holders(NodeId{2}, "lock");
  REQUIRE(held);
  CHECK(*held == std::vector<Token>{scene.token(holder)});
  check_no_violation(scene);
}
