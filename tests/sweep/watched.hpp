// SPDX-License-Identifier: MIT
// A simulated group whose peers take snapshots of the group itself, and the tools that ask for them. The part
// is the one that runs in coordd. For tests; it checks with Catch as it goes.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>

#include "group/group_snapshot.hpp"
#include "sim/faults.hpp"
#include "sim/inject.hpp"
#include "snapshot/consistency.hpp"
#include "snapshot/record_text.hpp"
#include "sweep/scene.hpp"
#include "wire/codec.hpp"
#include "wire/group_snapshot.hpp"

namespace coord::sweep {

using namespace std::chrono_literals;

inline constexpr std::uint64_t tool_connection = 77;

inline ClusterConfig with_snapshots() {
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
        host, replica::FromTool{replica::ConnectionId{tool_connection},
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

inline std::vector<std::string> findings_of(const record::Snapshot& snapshot, bool but_incomplete) {
  std::vector<std::string> out;
  for (const auto& finding : record::examine(snapshot)) {
    if (but_incomplete && finding.rule == record::Rule::incomplete) continue;
    out.push_back(std::string(record::to_string(finding.rule)) + ": " + finding.id + ": " + finding.detail);
  }
  return out;
}

inline std::uint64_t on_way(const record::Snapshot& snapshot) {
  std::uint64_t sum = 0;
  for (const auto& link : snapshot.links) {
    for (const auto& [kind, count] : link.messages) sum += count;
  }
  return sum;
}

// What a run under random faults has shown.
struct Shown {
  std::size_t complete = 0, incomplete = 0;
  std::uint64_t on_way = 0;
  std::vector<std::string> findings;  // but for what is said to be incomplete; with the snapshot
};

inline Shown under_faults(std::uint64_t seed) {
  Shown shown;
  Watched group(3 + 2 * (seed % 2), seed);
  const std::size_t nodes = group.scene.world.nodes();
  group.reach_level_two();
  constexpr Duration active = 4s;
  const sim::FaultConfig faults = sim::FaultConfig::without_disks(active);
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
    for (const std::string& finding : findings_of(snapshot, true))
      shown.findings.push_back(finding + "\n" + *record::to_text(snapshot));
    ++(snapshot.complete() ? shown.complete : shown.incomplete);
    shown.on_way += on_way(snapshot);
  }
  return shown;
}

}  // namespace coord::sweep
