// SPDX-License-Identifier: MIT
// Ricart-Agrawala under random faults by seed, and with one rule removed: each removal must be noticed.
#include <catch2/catch.hpp>
#include <chrono>

#include "base/rule.hpp"
#include "ricart_app.hpp"

using namespace coord;
using namespace std::chrono_literals;

namespace {

constexpr int rounds = 4;
constexpr Instant quiet_from = Instant{} + 2s;

struct Outcome {
  std::optional<sim::Violation> violation;
  sim::FaultCounts faults;
  sim::WorldStatistics statistics;
};

sim::FaultConfig links_pauses_clocks() {
  auto config = sim::FaultConfig::without_disks(quiet_from - Instant{});
  config.mean_gap.erase(sim::FaultKind::process_crash);  // no site forgets in this sweep; see the other one
  config.length_high = 500ms;
  return config;
}

sim::WorldConfig world_of(std::uint64_t seed) {
  sim::WorldConfig config;
  config.seed = seed;
  config.nodes = 2 + seed % 4;
  config.link = {.delay_low = 1ms, .delay_high = 30ms, .drop = 0.02, .duplicate = 0.05, .reorder = 0.1};
  config.clock_start_high = 1h;
  config.clock_rate_spread_ppm = 100'000;
  return config;
}

std::vector<sim::Fault> plan_of(std::uint64_t seed) {
  return plan_faults(links_pauses_clocks(), world_of(seed).nodes, seed);
}

Outcome run(std::uint64_t seed, const std::vector<sim::Fault>& plan, sim::Trace* trace = nullptr) {
  const sim::WorldConfig config = world_of(seed);
  ricart::App app(config.nodes, {.rounds = rounds, .work_high = 40ms, .pause_high = 300ms}, 200ms);
  ricart::World world(app, config);
  world.set_trace(trace);
  ricart::add_checks(world, app);
  world.start_all();
  inject(world, plan, quiet_from);
  world.run_until(quiet_from + 60s);
  if (app.entries != rounds * static_cast<int>(config.nodes)) {
    world.fail("all_get_in", std::to_string(app.entries) + " entries only");
  }
  const auto verdict = check_linearizable(app.history.operations(), sim::Model::lock);
  if (verdict.answer != sim::LinearizabilityVerdict::Answer::yes)
    world.fail("linearizable", verdict.explanation);
  return {world.violation(), world.faults(), world.statistics()};
}

Outcome run(std::uint64_t seed) {
  return run(seed, plan_of(seed));
}

struct RemovedRule {
  explicit RemovedRule(const char* name) { mutants::removed = name; }
  ~RemovedRule() { mutants::removed.clear(); }
};

}  // namespace

TEST_CASE("3,000 seeds of faults: one inside, tokens increase, all get in, the history is a lock's") {
  sim::FaultCounts faults;
  std::uint64_t events = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    const Outcome outcome = run(seed);
    INFO("seed " << seed);
    INFO((outcome.violation ? outcome.violation->text() : ""));
    REQUIRE_FALSE(outcome.violation);
    faults += outcome.faults;
    events += outcome.statistics.events;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  using sim::FaultKind;
  for (const auto kind :
       {FaultKind::message_dropped, FaultKind::message_duplicated, FaultKind::message_reordered,
        FaultKind::message_cut, FaultKind::partition, FaultKind::one_way_cut, FaultKind::bridge,
        FaultKind::loss_burst, FaultKind::delay_burst, FaultKind::pause, FaultKind::clock_rate}) {
    INFO(name_of(kind));
    CHECK(faults.of(kind) > 500);
  }
  WARN("ricart-agrawala: " << 3000 / took.count() << " seeds/s, "
                           << static_cast<double>(events) / took.count()
                           << " events/s with faults and checks");
}

TEST_CASE("crashes: never two inside, and the first in the queue waits for nobody but the dead") {
  int stopped = 0;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    const sim::WorldConfig config = world_of(seed);
    ricart::App app(config.nodes, {.rounds = rounds, .work_high = 40ms, .pause_high = 300ms}, 200ms);
    ricart::World world(app, config);
    ricart::add_checks(world, app);
    world.start_all();
    inject(world, plan_of(seed), quiet_from);
    const NodeId dead{1 + world.random().below(config.nodes)};
    world.at(Instant{} + world.random().between(0ns, 2s),
             [&world, dead] { world.crash(dead, sim::CrashKind::process); });
    world.run_until(quiet_from + 60s);
    INFO("seed " << seed);
    REQUIRE_FALSE(world.violation());
    std::optional<mutex::Stamp> first;
    std::set<NodeId> waits_for;
    for (std::size_t i = 1; i <= config.nodes; ++i) {
      const auto* node = world.node(NodeId{i});
      if (!node || node->site.phase() == mutex::Phase::idle) continue;
      REQUIRE(node->site.phase() == mutex::Phase::waiting);
      if (first && *first < *node->site.request()) continue;
      first = node->site.request();
      waits_for = node->site.missing();
    }
    if (!first) continue;  // all were content before the crash
    ++stopped;
    REQUIRE(waits_for == std::set<NodeId>{dead});
  }
  CHECK(stopped > 300);
}

TEST_CASE("each rule removed is caught within 200 seeds") {
  const auto rule =
      GENERATE("ra_request_timestamp_not_live_clock", "ra_tie_by_site", "ra_replies_are_a_set",
               "ra_defer_while_inside", "ra_reply_names_its_request", "ra_clock_exceeds_all_seen");
  const RemovedRule removed(rule);
  std::optional<sim::Violation> violation;
  std::uint64_t seed = 0;
  while (!violation && seed < 200) violation = run(++seed).violation;
  INFO(rule);
  REQUIRE(violation);
  WARN(rule << " removed: seed " << seed << ": " << violation->text());
}

TEST_CASE("a failing seed replays to the same violation, with a trace, and shrinks to the faults it needs") {
  const RemovedRule removed("ra_tie_by_site");
  std::uint64_t seed = 1;
  while (!run(seed).violation) ++seed;
  sim::Trace trace;
  const auto replayed = run(seed, plan_of(seed), &trace);
  REQUIRE(replayed.violation);
  CHECK(replayed.violation->text() == run(seed).violation->text());
  CHECK(trace.text().find("violates mutual_exclusion") != std::string::npos);
  const auto shorter = shrink(plan_of(seed), [&](const std::vector<sim::Fault>& plan) {
    return run(seed, plan).violation.has_value();
  });
  CHECK(shorter.size() <= plan_of(seed).size());
  CHECK(run(seed, shorter).violation);
}
