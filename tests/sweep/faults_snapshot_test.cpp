// SPDX-License-Identifier: MIT
// Snapshots of the group itself, on the whole peer under random faults: each cut is consistent, and what
// cannot be known is told as missing. The part is the one that runs in coordd.
#include <catch2/catch.hpp>

#include "group/group_snapshot.hpp"
#include "sim/faults.hpp"
#include "sim/inject.hpp"
#include "snapshot/consistency.hpp"
#include "snapshot/record_text.hpp"
#include "sweep/scene.hpp"
#include "wire/codec.hpp"
#include "wire/group_snapshot.hpp"

using namespace coord;
using namespace coord::sweep;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t connection = 77;

ClusterConfig with_snapshots() {
  ClusterConfig config = Scene::quick();
  config.parts = [](const node::Setting& setting) {
    node::Parts parts;
    parts.push_back(std::make_unique<group::GroupSnapshot>(setting));
    return parts;
  };
  config.ordered = true;
  config.replica.raise_after = 10ms;
  return config;
}

// What the tools that asked were told: whole snapshots.
class Tools final : public HostWatcher {
 public:
  void told(NodeId node, const replica::ToTool& answer) override {
    const auto* said = std::get_if<local::FromPart>(&answer.answer);
    if (said == nullptr) return next->told(node, answer);
    const auto heard =
        wire::decode<local::GroupSnapshotAnswer>(said->bytes, {.version = local::part_version});
    REQUIRE(heard.ok());
    if (const auto* line = std::get_if<local::SnapshotLine>(&*heard)) {
      std::string& lines = lines_[said->request];
      lines.append(line->line.begin(), line->line.end());
    } else if (const auto* end = std::get_if<local::SnapshotTaken>(&*heard)) {
      record::Snapshot head;
      head.id = end->id;
      for (const auto& name : end->members) head.members.push_back({name, 0, ""});
      for (const auto& [who, why] : end->missing) head.missing.push_back({who, *record::why_of(why)});
      const std::string lines = lines_[said->request];
      const auto count = static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n'));
      const auto snapshot = record::from_text(record::head_line(head, count) + lines, "answer");
      if (!snapshot.ok()) FAIL(snapshot.error().text());
      taken.push_back(*snapshot);
    } else {
      ++refused;
    }
  }
  void stop_command(NodeId node, const replica::StopCommand& stop) override {
    next->stop_command(node, stop);
  }
  void applied(NodeId node, const replica::Applied& applied) override { next->applied(node, applied); }
  void process_died(NodeId node) override { next->process_died(node); }
  void process_started(NodeId node) override { next->process_started(node); }

  HostWatcher* next = nullptr;
  std::vector<record::Snapshot> taken;
  std::size_t refused = 0;

 private:
  std::map<std::uint64_t, std::string> lines_;
};

struct Watched {
  Watched(std::size_t nodes, std::uint64_t seed) : scene(nodes, seed, with_snapshots()) {
    tools.next = std::exchange(scene.cluster.watcher, &tools);
  }
  void reach_level_two() {
    scene.settle();
    REQUIRE(scene.until(5s, [&] {
      for (std::size_t i = 1; i <= scene.world.nodes(); ++i) {
        if (scene.world.node(NodeId{i})->replica().speaks() < 2) return false;
      }
      return true;
    }));
  }
  void ask(NodeId host, Duration patience = 500ms, bool each = false, std::uint32_t uid = 1000) {
    const local::TakeGroupSnapshot wish{patience, each};
    scene.world.input(
        host, replica::FromTool{replica::ConnectionId{connection},
                                {uid, "user"},
                                local::ToPart{++request, 1, wire::encode(wish, local::part_version)}});
  }
  // Something to do for the replicated service.
  void submit(NodeId host) {
    Scene::Ask ask;
    ask.name = "job" + std::to_string(++others % 7);
    locks.push_back(scene.lock(host, ask));
    if (locks.size() > 3) scene.release(locks[locks.size() - 3]);
  }

  Tools tools;
  Scene scene;
  std::uint64_t request = 0;
  std::uint64_t others = 0;
  std::vector<Scene::Id> locks;
};

std::vector<std::string> findings_of(const record::Snapshot& snapshot, bool but_incomplete) {
  std::vector<std::string> out;
  for (const auto& finding : record::examine(snapshot)) {
    if (but_incomplete && finding.rule == record::Rule::incomplete) continue;
    out.push_back(std::string(record::to_string(finding.rule)) + ": " + finding.id + ": " + finding.detail);
  }
  return out;
}

std::uint64_t on_way(const record::Snapshot& snapshot) {
  std::uint64_t sum = 0;
  for (const auto& link : snapshot.links) {
    for (const auto& [kind, count] : link.messages) sum += count;
  }
  return sum;
}

}  // namespace

TEST_CASE("a group without faults: every snapshot is complete and consistent, also ten at once") {
  Watched group(3, 1);
  group.reach_level_two();
  for (std::uint64_t i = 0; i < 30; ++i) {
    group.submit(NodeId{1 + i % 3});
    group.ask(NodeId{1 + i % 3});
    group.scene.run(i < 20 ? 3ms : 60ms);
  }
  REQUIRE(group.scene.until(5s, [&] { return group.tools.taken.size() == 30; }));
  std::uint64_t seen = 0;
  for (const auto& snapshot : group.tools.taken) {
    INFO(*record::to_text(snapshot));
    CHECK(snapshot.complete());
    CHECK(findings_of(snapshot, false).empty());
    CHECK(snapshot.peers.size() == 3);
    CHECK(snapshot.links.size() == 6);
    seen += on_way(snapshot);
  }
  CHECK(seen > 0);
}

TEST_CASE("one peer that is cut off is missing, named, and not waited for to the end") {
  Watched group(3, 2);
  group.reach_level_two();
  group.scene.world.network().isolate(NodeId{3});
  group.scene.run(2s);
  group.ask(NodeId{1}, 5s);
  // Nobody in the simulator says that a connection is gone: it takes the whole time.
  REQUIRE(group.scene.until(6s, [&] { return group.tools.taken.size() == 1; }));
  const auto& snapshot = group.tools.taken.front();
  CHECK_FALSE(snapshot.complete());
  CHECK(snapshot.peers.size() == 2);
  CHECK(std::ranges::any_of(snapshot.missing, [](const auto& missing) { return missing.id == "3"; }));
  CHECK(findings_of(snapshot, true).empty());
}

TEST_CASE("each message on its way is for root only") {
  Watched group(3, 3);
  group.reach_level_two();
  group.ask(NodeId{1}, 1s, true);
  group.scene.run(10ms);
  CHECK(group.tools.refused == 1);
  group.ask(NodeId{1}, 1s, true, 0);
  REQUIRE(group.scene.until(2s, [&] { return group.tools.taken.size() == 1; }));
  for (const auto& link : group.tools.taken.front().links) {
    std::uint64_t count = 0;
    for (const auto& [kind, n] : link.messages) count += n;
    CHECK(link.each.size() == count);
  }
}

TEST_CASE("a peer alone has its own record, and nothing on its way") {
  Watched lone(1, 4);
  lone.scene.settle();
  lone.ask(NodeId{1});
  lone.scene.run(10ms);
  REQUIRE(lone.tools.taken.size() == 1);
  CHECK(lone.tools.taken.front().complete());
  CHECK(lone.tools.taken.front().links.empty());
  CHECK(findings_of(lone.tools.taken.front(), false).empty());
}

TEST_CASE("below level 2 a group takes no snapshot, and says so") {
  ClusterConfig config = with_snapshots();
  config.replica.level = first_level;
  Scene scene(3, 5, config);
  Tools tools;
  tools.next = std::exchange(scene.cluster.watcher, &tools);
  scene.settle();
  scene.world.input(
      NodeId{1}, replica::FromTool{
                     replica::ConnectionId{connection},
                     {1000, "user"},
                     local::ToPart{1, 1, wire::encode(local::TakeGroupSnapshot{1s}, local::part_version)}});
  scene.run(10ms);
  CHECK(tools.refused == 1);
}

TEST_CASE("under random faults every cut is consistent, and the complete ones leave nothing out") {
  std::size_t complete = 0, incomplete = 0;
  std::uint64_t seen = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    Watched group(3 + 2 * (seed % 2), seed);
    const std::size_t nodes = group.scene.world.nodes();
    group.reach_level_two();
    constexpr Duration active = 4s;
    sim::FaultConfig faults = sim::FaultConfig::without_disks(active);
    sim::inject(group.scene.world, sim::plan_faults(faults, nodes, seed), Instant{active} + 5s);
    Random random(seed);
    for (int i = 0; i < 80; ++i) {
      const NodeId host{1 + random.below(nodes)};
      if (group.scene.world.node(host) != nullptr) {
        group.submit(host);
        if (random.chance(0.4)) group.ask(host, 300ms);
      }
      group.scene.run(Duration(random.below(50'000'000)));
    }
    group.scene.run(1s);
    CHECK_FALSE(group.scene.world.violation());
    for (const auto& snapshot : group.tools.taken) {
      INFO("seed " << seed << "\n" << *record::to_text(snapshot));
      CHECK(findings_of(snapshot, true) == std::vector<std::string>{});
      ++(snapshot.complete() ? complete : incomplete);
      seen += on_way(snapshot);
    }
  }
  CHECK(complete > 1000);
  CHECK(incomplete > 100);
  CHECK(seen > 1000);
}
