// SPDX-License-Identifier: MIT
// Faults in which real lock services let two in, or took a lock from a holder that lived, as scenarios on the
// whole peer. The numbers are those of the table in README.md.
#include <catch2/catch.hpp>
#include <set>

#include "sweep/no_violation.hpp"
#include "sweep/scene.hpp"

using namespace coord;
using namespace coord::sweep;
using namespace std::chrono_literals;

namespace {

// A file server that remembers the highest token and refuses lower ones.
class Resource {
 public:
  bool write(Token token) {
    if (token < highest_) return false;
    highest_ = token;
    return true;
  }

 private:
  Token highest_;
};

}  // namespace

TEST_CASE("field fault 1: a holder is stopped for longer than its TTL and writes when it resumes: refused") {
  Scene scene;
  scene.settle();
  Resource resource;
  const NodeId host = scene.follower();
  const auto holder = scene.held(host, {.ttl = 1s});
  CHECK(resource.write(scene.token(holder)));
  const auto next = scene.lock(scene.leader(), {});
  scene.world.pause(host);
  CHECK(scene.until(3s, [&] { return scene.granted(next); }));
  CHECK(resource.write(scene.token(next)));
  scene.world.resume(host);
  CHECK_FALSE(resource.write(scene.token(holder)));  // before anybody can stop it
  CHECK(scene.until(50ms, [&] { return scene.tool(holder).lost_at && scene.tool(holder).killed_at; }));
  check_no_violation(scene);
}

TEST_CASE("field fault 6: the lease of a waiter ends while it waits: it is not granted, the next one is") {
  Scene scene;
  scene.settle();
  const NodeId away = scene.follower();
  const NodeId here = scene.leader();
  const auto holder = scene.held(here, {.ttl = 10s});
  const auto waiter = scene.lock(away, {.ttl = 500ms});
  scene.run(200ms);
  const auto third = scene.lock(here, {.ttl = 10s});
  scene.run(100ms);
  scene.world.network().isolate(away);
  scene.run(2s);
  scene.release(holder);
  CHECK(scene.until(200ms, [&] { return scene.granted(third); }));
  scene.world.network().heal();
  scene.run(2s);
  CHECK_FALSE(scene.granted(waiter));  // it has asked again and stands behind
  scene.release(third);
  CHECK(scene.until(1s, [&] { return scene.granted(waiter); }));
  CHECK(scene.token(waiter) > scene.token(third));
  check_no_violation(scene);
}

TEST_CASE("field fault 7: the leader stalls in fsync: it hands over, and live leases are not revoked") {
  Scene scene;
  scene.settle();
  const NodeId leader = scene.leader();
  const Term term = scene.raft(leader).term();
  std::vector<Scene::Id> holders;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    const NodeId host{i};
    holders.push_back(scene.held(host, {.name = std::to_string(i), .ttl = 1s}));
  }
  scene.world.disk(leader).stall(6s);
  scene.run(5s);
  for (const auto id : holders) {
    CHECK_FALSE(scene.tool(id).lost_at);
    CHECK_FALSE(scene.tool(id).killed_at);
    CHECK(scene.tool(id).renewed_at > scene.world.now() - 400ms);
  }
  CHECK(scene.leader() != leader);
  CHECK(scene.raft(leader).term().value == term.value + 1);
  CHECK(scene.until(3s, [&] { return scene.converged(); }));
  check_no_violation(scene);
}

TEST_CASE(
    "field fault 8: the holder's host is silently dropped: it is told of the loss within the TTL, and "
    "stopped") {
  Scene scene;
  scene.settle();
  const NodeId host = scene.follower();
  const auto holder = scene.held(host, {.ttl = 2s});
  const auto next = scene.lock(scene.leader(), {});
  scene.run(1s);
  scene.world.network().isolate(host);
  const Instant cut = scene.world.now();
  CHECK(scene.until(5s, [&] { return scene.granted(next); }));
  REQUIRE(scene.tool(holder).lost_at);
  REQUIRE(scene.tool(holder).killed_at);
  CHECK(*scene.tool(holder).lost_at < cut + 2s);
  CHECK(*scene.tool(holder).killed_at < *scene.tool(next).granted_at);
  check_no_violation(scene);
}

TEST_CASE(
    "field fault 9: the leader changes while a lock is held: the hold survives, the holder is not stopped") {
  const bool killed = GENERATE(true, false);
  Scene scene;
  scene.settle();
  const NodeId first = scene.leader();
  // On the leader's own host too, when it only hands over.
  const auto holder = scene.held(killed ? scene.follower() : first, {.ttl = 1s});
  for (int i = 0; i < 4; ++i) {
    const NodeId leader = scene.leader();
    if (killed && leader != scene.tool(holder).host) {
      scene.world.crash(leader, sim::CrashKind::process);
      scene.run(1s);
      scene.world.start(leader);
    } else {
      scene.world.input(leader, replica::Leave{});
    }
    scene.run(1s);
    scene.settle();
  }
  CHECK_FALSE(scene.tool(holder).lost_at);
  CHECK_FALSE(scene.tool(holder).killed_at);
  const auto held = scene.holders(first, "lock");
  REQUIRE(held);
  CHECK(*held == std::vector<Token>{scene.token(holder)});
  check_no_violation(scene);
}

TEST_CASE(
    "field fault 14: the answer to a release is lost and it is sent again: the next holder keeps the lock") {
  Scene scene;
  scene.settle();
  const NodeId leader = scene.leader();
  const NodeId host = scene.follower();
  const auto holder = scene.held(host, {.ttl = 5s});
  const auto next = scene.lock(leader, {.ttl = 5s});
  scene.run(100ms);
  scene.release(holder);
  // What the host sends still arrives; what comes back does not.
  for (std::uint64_t i = 1; i <= 3; ++i) {
    if (NodeId{i} != host) scene.world.network().cut(NodeId{i}, host);
  }
  CHECK(scene.until(1s, [&] { return scene.granted(next); }));
  CHECK_FALSE(scene.tool(holder).granted_at == std::nullopt);
  scene.world.network().heal();
  CHECK(scene.until(3s, [&] { return scene.tool(holder).released; }));
  scene.run(3s);
  CHECK_FALSE(scene.tool(next).lost_at);
  const auto held = scene.holders(host, "lock");
  REQUIRE(held);
  CHECK(*held == std::vector<Token>{scene.token(next)});
  check_no_violation(scene);
}

TEST_CASE("field fault 15: a new session while the old one's command runs without its wrapper: never two") {
  Scene scene;
  scene.settle();
  const NodeId host = scene.follower();
  const auto old = scene.held(host, {.ttl = 1s});
  scene.wrapper_dies(old);
  const auto again = scene.lock(host, {.ttl = 1s});
  scene.run(5s);
  CHECK_FALSE(scene.granted(again));
  CHECK_FALSE(scene.tool(old).killed_at);
  scene.command_ends(old);
  CHECK(scene.until(200ms, [&] { return scene.granted(again); }));
  check_no_violation(scene);
}

TEST_CASE("field fault 20: tokens over fail-overs and partitions: none twice, none lower") {
  const std::uint64_t seed = GENERATE(range(1, 6));
  Scene scene(5, seed);
  Random random(seed);
  Token last;
  std::set<Token> seen;
  for (int i = 0; i < 12; ++i) {
    scene.settle();
    const NodeId leader = scene.leader();
    const auto id = scene.held(scene.other_than(leader), {.ttl = 500ms});
    REQUIRE(scene.granted(id));
    CHECK(scene.token(id) > last);
    CHECK(seen.insert(scene.token(id)).second);
    last = scene.token(id);
    if (random.chance(0.5)) {
      scene.world.network().isolate(leader);
      scene.run(1s);
      scene.world.network().heal();
    } else {
      scene.world.crash(leader, random.chance(0.5) ? sim::CrashKind::power : sim::CrashKind::process);
      scene.run(random.between(10ms, 1s));
      scene.world.start(leader);
    }
    scene.release(id);
  }
  check_no_violation(scene);
}

TEST_CASE("field fault 24: wall clocks jump by an hour, back and forth: nothing changes") {
  Scene scene;
  scene.settle();
  const NodeId leader = scene.leader();
  const Term term = scene.raft(leader).term();
  const auto holder = scene.held(scene.follower(), {.ttl = 1s});
  Token last = scene.token(holder);
  for (const Duration offset : {Duration(1h), Duration(-1h), Duration{}}) {
    scene.cluster.wall_offset = offset;
    scene.run(3s);
    const auto id = scene.held(leader, {.name = "other"});
    CHECK(scene.token(id) > last);
    last = scene.token(id);
    scene.release(id);
  }
  CHECK_FALSE(scene.tool(holder).lost_at);
  CHECK(scene.leader() == leader);
  CHECK(scene.raft(leader).term() == term);
  check_no_violation(scene);
}

TEST_CASE(
    "field fault 24: clocks run 10 % fast and slow: the holder is stopped before its lock is given away") {
  const std::int64_t off = GENERATE(-100'000, 100'000);
  Scene scene;
  scene.settle();
  const NodeId host = scene.follower();
  for (std::uint64_t i = 1; i <= 3; ++i)
    scene.world.set_clock_rate(NodeId{i}, sim::LocalClock::true_rate_ppm + (NodeId{i} == host ? -off : off));
  const auto holder = scene.held(host, {.ttl = 2s});
  scene.run(4s);
  CHECK_FALSE(scene.tool(holder).lost_at);  // no loss while all goes well
  const auto next = scene.lock(scene.leader(), {});
  scene.run(100ms);
  scene.world.network().isolate(host);
  CHECK(scene.until(6s, [&] { return scene.granted(next); }));
  REQUIRE(scene.tool(holder).killed_at);
  CHECK(*scene.tool(holder).killed_at < *scene.tool(next).granted_at);
  check_no_violation(scene);
}
