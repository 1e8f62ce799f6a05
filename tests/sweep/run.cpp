#include "sweep/run.hpp"

#include <algorithm>

#include "sim/inject.hpp"
#include "sweep/cluster.hpp"
#include "sweep/invariants.hpp"
#include "sweep/tools.hpp"

namespace coord::sweep {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration active = seconds(6);
constexpr Duration settle = seconds(3);  // ten election time-outs: then there must be a leader
constexpr Duration patience =
    seconds(12);  // for leases to run out, damaged peers to rejoin, waiters to be served

struct Setting {
  ClusterConfig cluster;
  ToolsConfig tools;
  sim::WorldConfig world;
};

Setting setting_of(std::uint64_t seed) {
  Random random(seed ^ 0x73657474696e6700U);
  Setting setting;
  const std::uint64_t shape = random.below(10);
  setting.cluster.nodes = shape == 0 ? 1 : shape <= 7 ? 3 : 5;
  setting.world.nodes = setting.cluster.nodes;
  setting.world.seed = seed;
  setting.world.link.delay_low = std::chrono::microseconds(100);
  setting.world.link.delay_high = random.chance(0.5) ? milliseconds(1) : milliseconds(15);
  setting.world.link.reorder = random.chance(0.3) ? 0.05 : 0;
  setting.world.link.reorder_by = milliseconds(60);
  setting.world.clock_start_high = seconds(1000);
  setting.world.clock_rate_spread_ppm = random.chance(0.3) ? 90'000 : 200;
  // Small bounds, so that what happens rarely in life (a new segment, a snapshot, a full window) happens in
  // every run.
  setting.cluster.store.first_segment_bytes = 8 * 1024;
  setting.cluster.store.segment_bytes = random.chance(0.5) ? 16 * 1024 : 64 * 1024;
  setting.cluster.store.keep_free_bytes = 32 * 1024;
  setting.cluster.replica.snapshot_every_entries = random.chance(0.5) ? 30 : 200;
  setting.cluster.replica.raft.entries_behind = random.chance(0.5) ? 5 : 64;
  setting.cluster.replica.raft.snapshot_piece = random.chance(0.5) ? 300 : 4096;
  setting.cluster.replica.raft.in_flight = random.chance(0.3) ? 2 : 64;
  setting.cluster.replica.commands_in_flight = random.chance(0.3) ? 8 : 1024;
  setting.cluster.replica.token_block = random.chance(0.5) ? 16 : 65536;
  setting.tools.scripts_per_host = 1 + random.below(3);
  setting.tools.names = 1 + random.below(4);
  if (random.chance(0.2)) setting.tools.wrapper_sleep_high = seconds(2);
  return setting;
}

// The operator: a peer that refuses to start from a damaged disk is given an empty one and told to rejoin.
void repair(World& world, Cluster& cluster) {
  for (std::size_t i = 1; i <= world.nodes(); ++i) {
    const NodeId node{i};
    if (world.state(node) == sim::NodeState::stopped) world.start(node);
    if (world.state(node) != sim::NodeState::refused || world.nodes() == 1) continue;
    for (const auto& [name, content] : world.disk(node).contents()) (void)world.disk(node).remove(name);
    (void)world.disk(node).sync_directory();
    cluster.rejoining[i] = true;
    world.start(node);
  }
}

std::optional<std::string> has_leader(const World& world) {
  std::size_t up = 0;
  bool leader = false;
  for (std::size_t i = 1; i <= world.nodes(); ++i) {
    const Peer* peer = world.node(NodeId{i});
    if (peer == nullptr || peer->host.replica().raft().mute()) continue;
    const raft::Role role = peer->host.replica().raft().role();
    if (role == raft::Role::founding) continue;
    ++up;
    leader = leader || role == raft::Role::leader;
  }
  if (up <= world.nodes() / 2 || leader) return std::nullopt;
  return "no leader ten election time-outs after the last fault, with " + std::to_string(up) + " peers up";
}

}  // namespace

std::vector<sim::Fault> plan_of(std::uint64_t seed) {
  const Setting setting = setting_of(seed);
  sim::FaultConfig config = sim::FaultConfig::everything(active, setting.cluster.nodes);
  Random random(seed ^ 0x706c616e00000000U);
  if (random.chance(0.5)) {
    for (auto& [kind, gap] : config.mean_gap) gap *= 3;  // calmer: more is done between the faults
  }
  return sim::plan_faults(config, setting.cluster.nodes, seed);
}

RunResult run_seed(std::uint64_t seed, const RunOptions& options) {
  const Setting setting = setting_of(seed);
  Cluster cluster(setting.cluster);
  World world(cluster, setting.world);
  world.set_trace(options.trace);
  const Instant quiet{active};
  LogInvariants invariants(world);
  invariants.install();
  Tools tools(world, cluster, setting.tools, quiet);
  sim::inject(world, options.plan != nullptr ? *options.plan : plan_of(seed), quiet);
  world.start_all();
  tools.begin();

  world.run_until(quiet);
  for (Duration passed{}; passed < patience && !world.violation(); passed += seconds(1)) {
    repair(world, cluster);
    world.run_for(seconds(1));
    if (passed == settle) {
      if (auto wrong = has_leader(world)) world.fail("liveness", *wrong);
      tools.probe();
    }
  }
  if (!world.violation()) {
    if (auto left = tools.unfinished()) world.fail("liveness", *left + " long after the last fault");
  }

  RunResult result;
  if (world.violation()) result.violation = world.violation()->text();
  result.faults = world.faults();
  result.events = world.statistics().events;
  result.fingerprint = world.fingerprint();
  result.simulated_s = std::chrono::duration<double>(world.now().time_since_epoch()).count();
  result.grants = tools.grants();
  result.losses = tools.losses();
  result.renewals = tools.renewals();
  cluster.watcher = nullptr;
  return result;
}

}  // namespace coord::sweep
