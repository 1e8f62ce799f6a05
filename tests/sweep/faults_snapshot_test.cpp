// SPDX-License-Identifier: MIT
// Snapshots of the group itself, on the whole peer under random faults: each cut is consistent, and what
// cannot be known is told as missing.
#include "sweep/watched.hpp"

using namespace coord;
using namespace coord::sweep;

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

TEST_CASE("each message on its way is told in words: its term and place, not its kind alone") {
  Watched group(3, 3);
  group.reach_level_two();
  std::vector<std::string> each;
  for (int i = 0; i < 40; ++i) {
    group.submit(NodeId{1 + static_cast<std::uint64_t>(i) % 3});
    group.ask(NodeId{1}, 1s, true, 0);
    group.scene.run(20ms);
  }
  group.scene.run(1s);
  for (const auto& snapshot : group.tools.taken) {
    for (const auto& link : snapshot.links) each.insert(each.end(), link.each.begin(), link.each.end());
  }
  CHECK(std::ranges::any_of(each, [](const std::string& text) {
    return text.starts_with("append term ") && text.find(" commit ") != std::string::npos;
  }));
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
                     replica::ConnectionId{tool_connection},
                     {1000, "user"},
                     local::ToPart{1, 1, wire::encode(local::TakeGroupSnapshot{1s}, local::part_version)}});
  scene.run(10ms);
  CHECK(tools.refused == 1);
}

TEST_CASE("under random faults every cut is consistent, and the complete ones leave nothing out") {
  Shown all;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    const Shown shown = under_faults(seed);
    INFO("seed " << seed);
    CHECK(shown.findings == std::vector<std::string>{});
    all.complete += shown.complete;
    all.incomplete += shown.incomplete;
    all.on_way += shown.on_way;
  }
  CHECK(all.complete > 1000);
  CHECK(all.incomplete > 100);
  CHECK(all.on_way > 1000);
}
