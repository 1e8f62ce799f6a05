// SPDX-License-Identifier: MIT
// Faults in which real systems lost acknowledged data: those of disks, crashes and power. The numbers are
// those of the table in README.md.
#include <catch2/catch.hpp>

#include "sweep/no_violation.hpp"
#include "sweep/scene.hpp"

using namespace coord;
using namespace coord::sweep;
using namespace std::chrono_literals;

namespace {

// Locks taken and given back: entries, snapshots and segments come and go.
void work(Scene& scene, NodeId host, int times) {
  for (int i = 0; i < times && !scene.world.violation(); ++i) {
    const auto id = scene.lock(host, {.name = "work"});
    scene.until(2s, [&] { return scene.granted(id); });
    scene.release(id);
    scene.until(2s, [&] { return scene.tool(id).released; });
  }
}

std::vector<Token> listed(Scene& scene, NodeId host) {
  return scene.holders(host, "lock").value_or(std::vector<Token>{});
}

}  // namespace

TEST_CASE("field fault 3: kill -9 of all and a restart: nothing is lost, and no read is empty") {
  Scene scene;
  scene.settle();
  const auto holder = scene.held(NodeId{2}, {.ttl = 30s});
  work(scene, NodeId{1}, 20);
  scene.kill_all(sim::CrashKind::process);
  scene.start_all();
  std::vector<Scene::Id> looks;
  for (std::uint64_t i = 1; i <= 3; ++i) looks.push_back(scene.list(NodeId{i}));
  scene.run(5s);
  for (const auto id : looks) {
    if (!scene.tool(id).locks) continue;  // refused is right, empty is not
    REQUIRE(scene.tool(id).locks->locks.size() == 1);
    CHECK(scene.tool(id).locks->locks[0].holders[0].token == scene.token(holder));
  }
  for (std::uint64_t i = 1; i <= 3; ++i)
    CHECK(listed(scene, NodeId{i}) == std::vector<Token>{scene.token(holder)});
  check_no_violation(scene);
}

TEST_CASE("field fault 4: a power cut on a majority, or on all: nothing that was acknowledged is lost") {
  const std::uint64_t seed = GENERATE(range(1, 31));
  Scene scene(3, seed);
  Random random(seed);
  scene.settle();
  const auto holder = scene.held(NodeId{1 + random.below(3)}, {.ttl = 30s});
  const auto busy = scene.lock(NodeId{1 + random.below(3)}, {.name = "busy"});  // under way when it strikes
  scene.run(random.between(0ms, 8ms));
  const NodeId spared = random.chance(0.5) ? NodeId{} : scene.follower();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    if (NodeId{i} != spared) scene.world.crash(NodeId{i}, sim::CrashKind::power);
  }
  const bool busy_granted = scene.granted(busy);
  scene.start_all();
  scene.settle();
  CHECK(listed(scene, NodeId{1}) == std::vector<Token>{scene.token(holder)});
  if (busy_granted) CHECK_FALSE(scene.holders(NodeId{1}, "busy")->empty());
  CHECK(scene.until(5s, [&] { return scene.converged(); }));
  check_no_violation(scene);
}

TEST_CASE(
    "field fault 5: a crash at any disk call while a snapshot is installed or taken: it starts, without a "
    "gap") {
  const auto kind = GENERATE(sim::DiskFault::crash_process, sim::DiskFault::crash_power);
  const bool installs = GENERATE(true, false);
  for (std::uint64_t call = 0; call < 40; ++call) {
    Scene scene(3, call + 1);
    scene.settle();
    const NodeId node = scene.follower();
    const NodeId busy = scene.other_than(node);
    if (installs) {  // so far behind that only a snapshot helps
      scene.world.crash(node, sim::CrashKind::process);
      work(scene, busy, 60);
      scene.world.start(node);
      scene.world.disk(node).arm(call, kind);
    } else {
      work(scene, busy, 15);
      scene.world.disk(node).arm(2 * call, kind);
      work(scene, busy, 40);
    }
    INFO("call " << call);
    CHECK(scene.until(5s, [&] { return scene.converged(); }));
    check_no_violation(scene);
  }
}

TEST_CASE("field fault 16: a flipped bit in one peer's files is noticed: it never leads with a damaged log") {
  int refused = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Scene scene(3, seed);
    scene.settle();
    const auto holder = scene.held(NodeId{1}, {.ttl = 60s});
    work(scene, NodeId{1}, 30);
    const NodeId victim = scene.leader();
    scene.world.crash(victim, sim::CrashKind::process);
    const auto where = scene.world.disk(victim).flip_random_bit();
    scene.world.start(victim);
    scene.run(2s);
    INFO("seed " << seed << ", " << where.value_or("nothing was flipped"));
    if (scene.world.state(victim) == sim::NodeState::refused) {
      ++refused;
      CHECK(scene.world.why(victim).find("--rejoin") != std::string::npos);
    } else {
      CHECK(scene.until(3s, [&] { return scene.converged(); }));
    }
    CHECK(listed(scene, scene.other_than(victim)) == std::vector<Token>{scene.token(holder)});
    check_no_violation(scene);
  }
  CHECK(refused >= 5);
}

TEST_CASE(
    "field fault 17: a write or fsync fails once: the peer stops, acknowledges nothing, and may start "
    "again") {
  for (std::uint64_t call = 0; call < 8; ++call) {
    Scene scene(3, call + 1);
    scene.settle();
    const NodeId victim = call % 2 == 0 ? scene.leader() : scene.follower();
    const auto holder = scene.held(scene.other_than(victim), {.ttl = 30s});
    scene.world.disk(victim).arm(call / 2 % 2, sim::DiskFault::error);  // the write, or its sync
    work(scene, scene.other_than(victim), 10);
    INFO("call " << call / 2 % 2 << " of node " << victim.value);
    CHECK(scene.world.state(victim) == sim::NodeState::stopped);
    scene.world.start(victim);
    if (scene.world.state(victim) == sim::NodeState::running)
      CHECK(scene.until(5s, [&] { return scene.converged(); }));
    scene.settle();
    CHECK(listed(scene, scene.leader()) == std::vector<Token>{scene.token(holder)});
    check_no_violation(scene);
  }
}

namespace {

// So much is left that what must pass still may, and what grows may not.
void nearly_fill(Scene& scene, NodeId node) {
  scene.world.disk(node).set_capacity(scene.world.disk(node).used_bytes() + 20 * 1024);
}
void make_room(Scene& scene, NodeId node) {
  scene.world.disk(node).set_capacity(std::uint64_t{1} << 30U);
}

// A user who tries again when he is refused; how long that took, at most `limit`.
Duration until_granted(Scene& scene, NodeId host, Duration limit) {
  const Instant begin = scene.world.now();
  while (scene.world.now() < begin + limit && !scene.world.violation()) {
    const std::string name =
        std::to_string(host.value) + " at " + std::to_string(scene.world.now().time_since_epoch().count());
    const auto id = scene.lock(host, {.name = name});
    scene.until(300ms, [&] { return scene.granted(id) || scene.tool(id).refused; });
    const bool granted = scene.granted(id);
    if (granted) {
      scene.release(id);
      scene.until(500ms, [&] { return scene.tool(id).released; });
      return scene.world.now() - begin;
    }
    scene.cancel(id);
    scene.run(10ms);
  }
  return limit;
}

bool is_refused(Scene& scene, NodeId host) {
  const auto id = scene.lock(host, {.name = "more"});
  scene.until(1s, [&] { return scene.granted(id) || scene.tool(id).refused.has_value(); });
  return scene.tool(id).refused == local::RefusedKind::limit;
}

std::vector<NodeId> all_hosts() {
  return {NodeId{1}, NodeId{2}, NodeId{3}};
}

}  // namespace

TEST_CASE("field fault 18: the leader's disk is nearly full: another one leads, and grants within a second") {
  const std::uint64_t seed = GENERATE(range(1, 21));
  Scene scene(3, seed);
  scene.settle();
  const NodeId old = scene.leader();
  const auto here = scene.held(old, {.name = "here", .ttl = 2s});
  const auto there = scene.held(scene.follower(), {.name = "there", .ttl = 2s});
  nearly_fill(scene, old);
  for (const NodeId host : all_hosts()) CHECK(until_granted(scene, host, 5s) < 1s);
  scene.run(5s);
  CHECK(scene.leader() != old);
  for (const auto id : {here, there}) {
    CHECK_FALSE(scene.tool(id).lost_at);
    scene.release(id);
    CHECK(scene.until(1s, [&] { return scene.tool(id).released; }));
  }
  make_room(scene, old);
  CHECK(scene.until(5s, [&] { return scene.converged(); }));
  check_no_violation(scene);
}

TEST_CASE(
    "field fault 18: two of three disks are nearly full: what grows is refused, in words, and one leads on") {
  const std::uint64_t seed = GENERATE(range(1, 11));
  Scene scene(3, seed);
  scene.settle();
  const NodeId old = scene.leader();
  const NodeId other = scene.follower();
  const auto holder = scene.held(other, {.ttl = 3s});
  nearly_fill(scene, old);
  nearly_fill(scene, other);
  scene.run(2s);
  const NodeId leader = scene.leader();
  const Term term = scene.raft(leader).term();
  CHECK(leader != old);
  CHECK(leader != other);
  for (const NodeId host : all_hosts()) CHECK(is_refused(scene, host));
  scene.run(10s);
  CHECK(scene.leader() == leader);
  CHECK(scene.raft(leader).term() == term);
  CHECK_FALSE(scene.tool(holder).lost_at);
  scene.release(holder);
  CHECK(scene.until(1s, [&] { return scene.tool(holder).released; }));
  make_room(scene, old);
  CHECK(until_granted(scene, other, 5s) < 2s);
  check_no_violation(scene);
}

TEST_CASE(
    "field fault 18: all disks are nearly full: the leader stays, releases pass, and with room it goes on") {
  Scene scene;
  scene.settle();
  const NodeId leader = scene.leader();
  const Term term = scene.raft(leader).term();
  const auto holder = scene.held(scene.follower(), {.ttl = 5s});
  for (const NodeId host : all_hosts()) {
    if (host != leader) nearly_fill(scene, host);
  }
  scene.run(500ms);
  nearly_fill(scene, leader);
  scene.run(2s);
  for (const NodeId host : all_hosts()) CHECK(is_refused(scene, host));
  scene.run(5s);
  CHECK(scene.leader() == leader);
  CHECK(scene.raft(leader).term() == term);
  CHECK_FALSE(scene.tool(holder).lost_at);  // it is still renewed
  scene.release(holder);
  CHECK(scene.until(1s, [&] { return scene.tool(holder).released; }));
  for (const NodeId host : all_hosts()) make_room(scene, host);
  for (const NodeId host : all_hosts()) CHECK(until_granted(scene, host, 5s) < 2s);
  check_no_violation(scene);
}

TEST_CASE("field fault 18: disks without a byte left end no peer: some, then all, then there is room again") {
  const std::uint64_t seed = GENERATE(range(1, 11));
  Scene scene(3, seed);
  scene.settle();
  const NodeId first = scene.leader();
  const auto fill = [&](NodeId node) {
    scene.world.disk(node).set_capacity(scene.world.disk(node).used_bytes());
  };
  fill(first);
  for (int i = 0; i < 60; ++i) CHECK(until_granted(scene, scene.other_than(first), 5s) < 1s);
  CHECK(scene.leader() != first);
  for (const NodeId host : all_hosts()) fill(host);
  for (int i = 0; i < 60; ++i) {
    scene.cancel(scene.lock(NodeId{1 + static_cast<std::uint64_t>(i % 3)}, {.name = "nothing"}));
    scene.run(250ms);
  }
  for (const NodeId host : all_hosts()) CHECK(scene.world.state(host) == sim::NodeState::running);
  for (const NodeId host : all_hosts()) make_room(scene, host);
  for (const NodeId host : all_hosts()) CHECK(until_granted(scene, host, 10s) < 5s);
  CHECK(scene.until(5s, [&] { return scene.converged(); }));
  check_no_violation(scene);
}

TEST_CASE(
    "field fault 18: disks that fill and empty in any order, and stall: the group goes on when it can") {
  const std::uint64_t seed = GENERATE(range(1, 31));
  Scene scene(3, seed);
  Random random(seed);
  scene.settle();
  for (int i = 0; i < 12; ++i) {
    const NodeId node{1 + random.below(3)};
    switch (random.below(4)) {
      case 0:
        nearly_fill(scene, node);
        break;
      case 1:
        scene.world.disk(node).set_capacity(scene.world.disk(node).used_bytes());
        break;
      case 2:
        scene.world.disk(node).stall(random.between(100ms, 3s));
        break;
      default:
        make_room(scene, node);
    }
    const auto id = scene.lock(NodeId{1 + random.below(3)}, {.name = "busy"});
    scene.run(random.between(50ms, 2s));
    scene.granted(id) ? scene.release(id) : scene.cancel(id);
  }
  for (const NodeId host : all_hosts()) {
    make_room(scene, host);
    scene.world.disk(host).disarm();
  }
  for (const NodeId host : all_hosts()) CHECK(until_granted(scene, host, 15s) < 10s);
  for (const NodeId host : all_hosts()) CHECK(scene.world.state(host) == sim::NodeState::running);
  CHECK(scene.until(5s, [&] { return scene.converged(); }));
  check_no_violation(scene);
}

TEST_CASE(
    "field fault 19: power fails at any disk call of segments and snapshots: the state is the old or the "
    "new") {
  for (std::uint64_t call = 0; call < 60; ++call) {
    Scene scene(1, call + 1);
    scene.settle();
    work(scene, NodeId{1}, 8);
    scene.world.disk(NodeId{1}).arm(3 * call, sim::DiskFault::crash_power);
    work(scene, NodeId{1}, 30);
    scene.world.disk(NodeId{1}).disarm();
    INFO("call " << 3 * call);
    CHECK(scene.until(3s, [&] { return scene.world.node(NodeId{1}) != nullptr; }));
    INFO(scene.world.why(NodeId{1}));
    CHECK(scene.until(3s, [&] { return scene.leader() == NodeId{1}; }));
    const auto id = scene.held(NodeId{1}, {.name = "after"});
    CHECK(scene.granted(id));
    check_no_violation(scene);
  }
}
