// SPDX-License-Identifier: MIT
// Another part beside the replicated service, on the whole peer under random faults: the one that runs in a
// real coordd in tests/unit/peer_parts_test.cpp.
#include <catch2/catch.hpp>

#include "parts/tally.hpp"
#include "sim/faults.hpp"
#include "sim/inject.hpp"
#include "sweep/scene.hpp"

using namespace coord;
using namespace coord::sweep;
using namespace std::chrono_literals;

namespace {

ClusterConfig with_tally() {
  ClusterConfig config = Scene::quick();
  config.parts = test::make_tally;
  config.replica.raise_after = 10ms;
  return config;
}

// Parts may speak.
void reach_level_two(Scene& scene) {
  scene.settle();
  REQUIRE(scene.until(5s, [&] {
    for (std::size_t i = 1; i <= scene.world.nodes(); ++i) {
      if (scene.world.node(NodeId{i})->replica().speaks() < 2) return false;
    }
    return true;
  }));
}

void add_one(Scene& scene, NodeId host, std::uint64_t connection) {
  scene.world.input(
      host, replica::FromTool{
                replica::ConnectionId{connection}, {1000, "user"}, local::ToPart{1, 0xff00, Bytes{'+'}}});
}

const test::Tally& tally(const Scene& scene, std::uint64_t node) {
  return test::tally_of(scene.world.node(NodeId{node})->node);
}

bool all_agree(const Scene& scene) {
  for (std::size_t i = 1; i <= scene.world.nodes(); ++i) {
    if (scene.world.node(NodeId{i}) == nullptr) return false;
    if (tally(scene, i).known() != tally(scene, 1).known()) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("a part's messages go by the way that it has chosen, to the same part of other nodes") {
  Scene scene(3, 1, with_tally());
  reach_level_two(scene);
  scene.world.network().shut(sim::Way::datagram, NodeId{1}, NodeId{2});
  scene.world.network().shut(sim::Way::stream, NodeId{1}, NodeId{3});
  add_one(scene, NodeId{1}, 7);
  CHECK(scene.until(1s, [&] { return tally(scene, 1).total() == 1 && all_agree(scene); }));
  CHECK(tally(scene, 2).total() == 1);
  CHECK(tally(scene, 2).by_stream == 1);
  CHECK(tally(scene, 3).by_stream == 0);  // it has it by a datagram
  CHECK(tally(scene, 3).by_datagram > 0);
}

TEST_CASE("a part hears that a connection broke where a message is missing, and only there") {
  Scene scene(3, 1, with_tally());
  reach_level_two(scene);
  const auto parted = [&] { return tally(scene, 2).parted; };
  for (int i = 0; i < 5; ++i) add_one(scene, NodeId{1}, 7);
  scene.run(1s);
  CHECK(parted() == 0);
  CHECK(tally(scene, 2).by_stream == 5);
  scene.world.network().cut(NodeId{1}, NodeId{2});
  add_one(scene, NodeId{1}, 7);
  scene.run(100ms);
  scene.world.network().heal();
  add_one(scene, NodeId{1}, 7);
  CHECK(scene.until(1s, [&] { return parted() == 1; }));
  CHECK(tally(scene, 2).by_stream == 6);
  CHECK(tally(scene, 3).parted == 0);
}

TEST_CASE("nothing of a part is sent below level 2") {
  ClusterConfig config = with_tally();
  config.replica.level = first_level;
  Scene scene(3, 1, config);
  scene.settle();
  add_one(scene, NodeId{1}, 7);
  scene.run(1s);
  CHECK(tally(scene, 1).total() == 1);
  CHECK(tally(scene, 2).by_stream + tally(scene, 2).by_datagram == 0);
  CHECK(scene.world.node(NodeId{1})->node.counts().too_early > 0);
}

TEST_CASE(
    "under random faults the tallies of all hosts agree again, and none is beyond what its host added") {
  std::uint64_t by_datagram = 0;
  std::uint64_t parted = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Scene scene(3, seed, with_tally());
    reach_level_two(scene);
    constexpr Duration active = 4s;
    sim::inject(scene.world, sim::plan_faults(sim::FaultConfig::without_disks(active), 3, seed),
                Instant{active} + 5s);
    Random random(seed);
    std::map<test::Tally::Key, std::uint64_t> added;
    for (int i = 0; i < 80; ++i) {
      const NodeId host{1 + random.below(3)};
      if (scene.world.node(host) != nullptr) {
        ++added[tally(scene, host.value).own()];
        add_one(scene, host, 7);
      }
      scene.run(50ms);
    }
    scene.run(6s);
    scene.world.network().heal();
    for (std::size_t n = 1; n <= 3; ++n) scene.world.start(NodeId{n});
    INFO("seed " << seed << " " << scene.violation());
    CHECK(scene.until(5s, [&] { return all_agree(scene); }));
    CHECK_FALSE(scene.world.violation());
    if (scene.world.node(NodeId{1}) == nullptr) continue;
    for (const auto& [key, count] : tally(scene, 1).known()) CHECK(count <= added[key]);
    for (std::size_t n = 1; n <= 3; ++n) {
      by_datagram += tally(scene, n).by_datagram;
      parted += tally(scene, n).parted;
    }
  }
  CHECK(by_datagram > 0);
  CHECK(parted > 0);
}
