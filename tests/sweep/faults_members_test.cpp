// SPDX-License-Identifier: MIT
// The members' part on the whole peer under random faults: the one that runs in coordd.
#include <catch2/catch.hpp>

#include "parts/members.hpp"
#include "sim/faults.hpp"
#include "sim/inject.hpp"
#include "sweep/scene.hpp"

using namespace coord;
using namespace coord::sweep;
using namespace std::chrono_literals;

namespace {

ClusterConfig with_members() {
  ClusterConfig config = Scene::quick();
  config.parts = test::make_members();
  config.replica.raise_after = 10ms;
  return config;
}

const members::MembersPart& members_at(const Scene& scene, std::uint64_t node) {
  return test::members_of(scene.world.node(NodeId{node})->node);
}

bool all_hold_all_alive(const Scene& scene) {
  for (std::uint64_t here = 1; here <= scene.world.nodes(); ++here) {
    if (scene.world.node(NodeId{here}) == nullptr) return false;
    for (std::uint64_t other = 1; other <= scene.world.nodes(); ++other) {
      if (here == other) continue;
      const auto view = members_at(scene, here).view(scene.world.now(), NodeId{other});
      if (!view || view->member.state != membership::State::alive) return false;
      if (view->member.incarnation != members_at(scene, other).incarnation()) return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("under random faults incarnations only rise, and all members hold each other alive in the end") {
  std::uint64_t restarts = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Scene scene(3, seed, with_members());
    scene.settle();
    REQUIRE(scene.until(5s, [&] { return all_hold_all_alive(scene); }));
    constexpr Duration active = 6s;
    sim::inject(scene.world, sim::plan_faults(sim::FaultConfig::without_disks(active), 3, seed),
                Instant{active} + 5s);
    std::map<NodeId, std::pair<const void*, members::Incarnation>> last;
    for (int i = 0; i < 300; ++i) {
      scene.run(20ms);
      for (std::uint64_t n = 1; n <= 3; ++n) {
        if (scene.world.node(NodeId{n}) == nullptr) continue;
        const members::MembersPart& part = members_at(scene, n);
        if (!part.runs()) continue;
        auto& [life, incarnation] = last[NodeId{n}];
        INFO("seed " << seed << ", node " << n);
        CHECK(incarnation <= part.incarnation());
        if (life != &part && life != nullptr) ++restarts;
        life = &part;
        incarnation = part.incarnation();
      }
    }
    scene.run(6s);
    scene.world.network().heal();
    for (std::uint64_t n = 1; n <= 3; ++n) scene.world.start(NodeId{n});
    INFO("seed " << seed << " " << scene.violation());
    CHECK(scene.until(60s, [&] { return all_hold_all_alive(scene); }));
    CHECK_FALSE(scene.world.violation());
  }
  CHECK(restarts > 0);
}
