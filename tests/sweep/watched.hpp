// SPDX-License-Identifier: MIT
// A simulated group whose peers take snapshots of the group itself, and the tools that ask for them. The part
// is the one that runs in coordd. For tests; it checks with Catch as it goes.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>

#include "group/group_snapshot.hpp"
#include "replica/forwarder.hpp"
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

inline ClusterConfig with_snapshots(std::size_t members = 0) {
  ClusterConfig config = Scene::quick();
  config.parts = [](const node::Setting& setting) {
    node::Parts parts;
    parts.push_back(std::make_unique<group::GroupSnapshot>(setting));
    return parts;
  };
  config.ordered = true;
  config.replica.raise_after = 10ms;
  config.members = members;
  if (members > 0) config.founded_at = newest_level;
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
      why_refused = std::get<local::SnapshotRefused>(*heard).why;
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
  std::string why_refused;  // the last one

 private:
  std::map<std::uint64_t, std::string> lines_;
};

struct Watched {
  // `members`: nodes that came later, behind those.
  Watched(std::size_t nodes, std::uint64_t seed, std::size_t members = 0)
      : scene(nodes, seed, with_snapshots(members)) {
    tools.next = std::exchange(scene.cluster.watcher, &tools);
  }
  void reach_level_two() {
    scene.settle();
    REQUIRE(scene.until(5s, [&] {
      for (std::size_t i = 1; i <= scene.world.nodes(); ++i) {
        if (scene.world.node(NodeId{i})->log().speaks() < 2) return false;
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
  // An order about the voters, said again until it is carried out as far as `done` tells. Who is sent the log
  // meanwhile begins anew with it.
  template <class Done>
  bool order(const replica::VoterOrder& order, Done&& done) {
    Instant say_at = scene.world.now();
    return scene.until(20s, [&] {
      if (scene.world.now() >= say_at && scene.leader() != NodeId{}) {
        scene.world.input(scene.leader(), replica::AskVoters{++ticket, order});
        say_at = scene.world.now() + 200ms;
      }
      for (std::size_t i = 1; i <= scene.world.nodes(); ++i) {
        const Peer* peer = scene.world.node(NodeId{i});
        if (peer == nullptr) continue;
        const auto* forwarder = dynamic_cast<const replica::Forwarder*>(&peer->log());
        if (forwarder != nullptr && forwarder->is_sent_log()) begin_anew(NodeId{i}, true);
      }
      return done();
    });
  }
  void begin_anew(NodeId node, bool with_log) {
    scene.cluster.keeps_log[node.value] = with_log;
    scene.world.crash(node, sim::CrashKind::process);
    scene.world.start(node);
  }
  // Those of `nodes` have all applied that `nodes` vote, and nobody else.
  bool all_vote(const std::vector<NodeId>& nodes) const {
    return std::ranges::all_of(nodes, [&](NodeId node) {
      const Peer* peer = scene.world.node(node);
      if (peer == nullptr || peer->voter() == nullptr) return false;
      return peer->replica().raft().voters_at(peer->replica().applied()) == nodes;
    });
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
  std::uint64_t ticket = 0;
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

inline std::vector<std::string> recorded(const record::Snapshot& snapshot) {
  std::vector<std::string> names;
  for (const auto& peer : snapshot.peers) names.push_back(peer.name);
  std::ranges::sort(names);
  return names;
}

// A founder is replaced by a node that came later: that one, and one that stays, each take a snapshot. Empty:
// they are of those that vote then, and complete; else what is wrong.
inline std::string wrong_after_replacing() {
  Watched group(3, 11, 1);
  group.reach_level_two();
  const NodeId gone = group.scene.follower(), come{4};
  std::vector<NodeId> stay;
  std::vector<std::string> names;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    if (NodeId{i} == gone) continue;
    stay.push_back(NodeId{i});
    names.push_back(std::to_string(i));
  }
  if (!group.order({replica::VoterVerb::replace, gone, come, "test"}, [&] { return group.all_vote(stay); }))
    return "the voter is not replaced";
  group.submit(stay.front());
  group.ask(stay.front());
  group.scene.run(1s);
  group.ask(come);
  group.scene.run(1s);
  if (group.tools.taken.size() != 2) return "not taken: " + group.tools.why_refused;
  for (const auto& snapshot : group.tools.taken) {
    const bool is_right = snapshot.complete() && recorded(snapshot) == names &&
                          snapshot.members.size() == names.size() && findings_of(snapshot, false).empty();
    if (!is_right) return *record::to_text(snapshot);
  }
  return group.scene.violation();
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
