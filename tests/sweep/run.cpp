// SPDX-License-Identifier: MIT
#include "sweep/run.hpp"

#include "sim/inject.hpp"
#include "sweep/crowd.hpp"
#include "sweep/hunter.hpp"
#include "sweep/invariants.hpp"
#include "sweep/levels.hpp"
#include "sweep/operators.hpp"
#include "sweep/quiet.hpp"

namespace coord::sweep {

RunResult run_seed(std::uint64_t seed, const RunOptions& options) {
  const Profile profile = options.profile.value_or(profile_of(seed));
  const Setting setting = setting_of(seed, profile);
  Cluster cluster(setting.cluster);
  World world(cluster, setting.world);
  world.set_trace(options.trace);
  const Instant end{active};
  LogInvariants invariants(world);
  invariants.install();
  Tools tools(world, cluster, setting.tools, end);
  Participants participants(world, setting.participants, end);
  Scribes scribes(world, setting.world.seed, end);
  Casters casters(world, seed, end);
  Operators operators(world, cluster, seed, setting.orders, setting.kept_voters, end);
  const Crowd crowd(cluster, tools, participants, scribes, casters, operators);
  Hunter hunter(world, setting.hunt.value_or(Duration{}), end);
  Levels levels(world, cluster, seed, setting.upgrades, end);
  VirtualEngine engine(world, cluster, seed, setting.engine, end);
  Quiet quiet(world, cluster, tools, participants, scribes, casters);
  sim::inject(world, options.plan != nullptr ? *options.plan : plan_of(seed, profile), end);
  if (setting.hunt) hunter.begin();
  levels.begin();
  if (setting.cluster.engine) engine.begin();
  world.start_all();
  tools.begin();
  participants.begin();
  if (setting.scribes) scribes.begin();
  if (setting.casters) casters.begin();
  operators.begin();

  while (world.now() < end && !world.violation()) {
    world.run_for(std::chrono::milliseconds(500));
    if (setting.operator_acts && world.now() < end) quiet.repair();
  }
  constexpr auto longest_era = std::chrono::seconds(30);
  while (engine.is_beginning_era() && world.now() < end + longest_era && !world.violation()) {
    quiet.repair();
    world.run_for(std::chrono::milliseconds(500));
  }
  operators.promote_all();
  quiet.run();
  levels.judge_end();
  RunResult result;
  if (!world.violation()) {
    if (auto wrong = tools.wrong_history(result.undecided)) world.fail("linearizable", *wrong);
  }
  if (world.violation()) {
    result.check = world.violation()->check;
    result.violation = world.violation()->text();
  }
  result.faults = world.faults();
  result.events = world.statistics().events;
  result.fingerprint = world.fingerprint();
  result.simulated_s = std::chrono::duration<double>(world.now().time_since_epoch()).count();
  result.grants = tools.grants();
  result.losses = tools.losses();
  result.renewals = tools.renewals();
  result.listings = tools.listings();
  result.resumptions = tools.resumptions();
  result.passes = participants.passes();
  result.changes = scribes.changes();
  result.orders = operators.done();
  result.forgets = operators.forgets();
  result.heard = casters.heard();
  cluster.watcher = nullptr;
  cluster.levels = nullptr;
  cluster.engine = nullptr;
  return result;
}

}  // namespace coord::sweep
