// SPDX-License-Identifier: MIT
#include "catalogue/sweep.hpp"

#include <algorithm>
#include <chrono>

#include "base/random.hpp"

namespace coord::catalogue {

using namespace std::chrono_literals;

namespace {

constexpr Duration active = 2s;  // faults begin before this time

std::size_t some_size(const Protocol& protocol, Random& random) {
  const std::size_t least = std::max<std::size_t>(protocol.least_nodes, 2);
  const std::size_t most = std::max(least, protocol.sweep_most);
  std::size_t nodes = least + random.below(most - least + 1);
  for (std::size_t tried = 0; !protocol.can_have(nodes) && tried < most; ++tried)
    nodes = nodes < most ? nodes + 1 : least;
  return nodes;
}

sim::FaultConfig faults_of(const Protocol& protocol) {
  sim::FaultConfig config;
  config.active = active;
  config.length_high = 500ms;
  for (const sim::FaultKind kind : protocol.stands.kinds) config.mean_gap[kind] = active / 4;
  return config;
}

void choose_byzantine(const Protocol& protocol, Setup& setup, Random& random) {
  const auto& kinds = protocol.stands.byzantine;
  if (kinds.empty()) return;
  std::uint64_t left = random.below(protocol.stands.byzantine_limit(setup.nodes) + 1);
  while (setup.byzantine.size() < left)
    setup.byzantine[NodeId{1 + random.below(setup.nodes)}] = kinds[random.below(kinds.size())];
}

}  // namespace

Setup setup_of(const Protocol& protocol, std::uint64_t seed, std::size_t nodes) {
  Random random(seed ^ 0x7365747570U);
  Setup setup;
  setup.seed = seed;
  const std::size_t drawn = some_size(protocol, random);
  setup.nodes = nodes > 0 ? nodes : drawn;
  setup.operations = 4 * setup.nodes;
  setup.load = random.chance(0.5) ? Load::spread : Load::together;
  setup.mean_gap = 60ms;
  setup.link.delay_low = 1ms;
  setup.link.delay_high = 30ms;
  if (protocol.stands.lossy_links) {
    setup.link.drop = 0.02;
    setup.link.duplicate = 0.05;
  }
  setup.link.fifo = !protocol.stands.reordering;
  if (protocol.stands.reordering) setup.link.reorder = 0.1;
  setup.clock_start_high = 1h;
  setup.clock_rate_spread_ppm = 100'000;
  setup.settle = 1s;
  setup.quiet_from = Instant{} + active;
  setup.faults = plan_faults(faults_of(protocol), setup.nodes, seed);
  choose_byzantine(protocol, setup, random);
  return setup;
}

namespace {

// The first seeds that violate the same with fewer nodes; `found.shortest` is left
// as it is if there are none.
void on_fewer_nodes(const Protocol& protocol, Found& found, const std::function<bool(const Setup&)>& fails) {
  constexpr std::uint64_t seeds_each = 20;
  for (std::size_t nodes = std::max<std::size_t>(protocol.least_nodes, 2); nodes < found.shortest.nodes;
       ++nodes) {
    if (!protocol.can_have(nodes)) continue;
    for (std::uint64_t seed = found.seed; seed < found.seed + seeds_each; ++seed) {
      const Setup fewer = setup_of(protocol, seed, nodes);
      if (!fails(fewer)) continue;
      found.shortest = fewer;
      return;
    }
  }
}

// Fewer nodes, then fewer faults, then fewer operations, as long as the same invariant is violated.
void shorten(const Protocol& protocol, Found& found) {
  const auto fails = [&](const Setup& setup) {
    const Report report = protocol.run(setup);
    return !report.violations.empty() && report.violations.front().check == found.violation.check;
  };
  on_fewer_nodes(protocol, found, fails);
  found.shortest.faults = shrink(found.shortest.faults, [&](const std::vector<sim::Fault>& plan) {
    Setup with = found.shortest;
    with.faults = plan;
    return fails(with);
  });
  for (std::uint64_t operations = 1; operations < found.shortest.operations; ++operations) {
    Setup with = found.shortest;
    with.operations = operations;
    if (!fails(with)) continue;
    found.shortest = with;
    break;
  }
}

}  // namespace

SweepResult sweep(const Protocol& protocol, std::uint64_t first, std::uint64_t count,
                  const std::function<bool(std::uint64_t seed)>& goes_on) {
  SweepResult result;
  for (std::uint64_t seed = first; result.seeds < count; ++seed) {
    const Setup setup = setup_of(protocol, seed);
    const Report report = protocol.run(setup);
    ++result.seeds;
    result.events += report.statistics.events;
    result.operations += report.operations;
    result.faults += report.faults;
    for (const std::string& situation : report.situations) ++result.situations[situation];
    if (!report.violations.empty()) {
      Found found{seed, report.violations.front(), setup, {}, ""};
      shorten(protocol, found);
      sim::Trace trace;
      found.shortest.trace = &trace;
      found.in_shortest = protocol.run(found.shortest).violations.front();
      found.shortest.trace = nullptr;
      found.trace = trace.text();
      result.found = std::move(found);
      return result;
    }
    if (goes_on && !goes_on(seed)) break;
  }
  return result;
}

}  // namespace coord::catalogue
