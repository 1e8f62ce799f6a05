// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/check.hpp"
#include "catalogue/families.hpp"
#include "catalogue/protocol.hpp"

namespace coord::catalogue {

const std::vector<Protocol>& all() {
  static const std::vector<Protocol> protocols = [] {
    std::vector<Protocol> every;
    for (auto&& family : {mutual_exclusion(), deadlock_detection(), leader_election(), consensus(),
                          byzantine_agreement(), atomic_commit(), broadcasts(), failure_detectors(),
                          global_states(), overlays(), primary_backup()}) {
      for (const Protocol& protocol : family) every.push_back(protocol);
    }
    return every;
  }();
  return protocols;
}

const Protocol* find(std::string_view name) {
  const auto found = std::ranges::find(all(), name, &Protocol::name);
  return found == all().end() ? nullptr : &*found;
}

namespace {

// Links of exactly 10 ms, so that delays are whole numbers of transits. Where all contend, users stay inside
// for several transits: then whoever is next has long been waiting when one leaves.
constexpr Duration transit = std::chrono::milliseconds(10);

Setup setup_for(const Theory& theory, std::size_t nodes) {
  Setup setup;
  setup.nodes = nodes;
  setup.load = theory.load;
  setup.operations = theory.load == Load::together ? 10 * nodes : 2 * nodes;
  setup.link.delay_low = setup.link.delay_high = transit;
  setup.link.fifo = true;
  setup.hold_low = setup.hold_high = 8 * transit;
  setup.settle = 100 * transit;
  setup.patience = std::chrono::hours(24);
  if (theory.prepare) theory.prepare(setup);
  return setup;
}

double measured(const Theory& theory, const Report& report) {
  const auto transits = [](const std::vector<Duration>& sorted) {
    return static_cast<double>(percentile(sorted, 0.5).count()) / static_cast<double>(transit.count());
  };
  double messages = 0;
  for (const auto& [type, count] : report.messages) {
    if (theory.types.empty() || std::ranges::find(theory.types, type) != theory.types.end())
      messages += static_cast<double>(count);
  }
  switch (theory.measure) {
    case Theory::Measure::messages:
      return report.operations == 0 ? 0 : messages / static_cast<double>(report.operations);
    case Theory::Measure::all_messages:
      return messages;
    case Theory::Measure::hand_over:
      return transits(report.hand_overs);
    case Theory::Measure::delay:
      return transits(report.delays);
  }
  return 0;
}

}  // namespace

std::vector<Count> count(const Protocol& protocol, const std::vector<std::size_t>& sizes) {
  std::vector<Count> lines;
  for (const Theory& theory : protocol.theory) {
    for (const std::size_t nodes : sizes) {
      if (!protocol.can_have(nodes)) continue;
      const Report report = protocol.run(setup_for(theory, nodes));
      Count line{&theory, nodes, measured(theory, report), theory.value(nodes), false};
      constexpr double rounding = 1e-9;
      line.agrees = report.violations.empty() && report.operations > 0 &&
                    line.measured >= line.expected.low - rounding &&
                    line.measured <= line.expected.high + rounding;
      lines.push_back(line);
    }
  }
  return lines;
}

}  // namespace coord::catalogue
