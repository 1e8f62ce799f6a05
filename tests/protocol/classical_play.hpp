// SPDX-License-Identifier: MIT
// Runs a protocol of the catalogue as a scenario tells it, and gives its trace.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>

#include "catalogue/protocol.hpp"

namespace play {

using namespace coord;
using namespace std::chrono_literals;

struct Played {
  catalogue::Report report;
  std::string trace;
  std::string violated;  // the invariant; empty: none
};

// `nodes` on links of exactly `delay`, without any fault, nothing asked yet.
inline catalogue::Setup quiet(std::size_t nodes, Duration delay = 10ms) {
  catalogue::Setup setup;
  setup.nodes = nodes;
  setup.link.delay_low = setup.link.delay_high = delay;
  setup.settle = 500ms;
  setup.patience = 5s;
  return setup;
}

inline void both_ways(catalogue::Setup& setup, std::uint64_t a, std::uint64_t b, Duration delay) {
  setup.delays[{NodeId{a}, NodeId{b}}] = delay;
  setup.delays[{NodeId{b}, NodeId{a}}] = delay;
}

inline void crash(catalogue::Setup& setup, std::uint64_t node, Duration at, Duration length) {
  sim::Fault fault;
  fault.kind = sim::FaultKind::process_crash;
  fault.at = Instant{} + at;
  fault.length = length;
  fault.nodes = {NodeId{node}};
  setup.faults.push_back(fault);
  setup.quiet_from = std::max(setup.quiet_from, fault.at + length);
}

// These against all others.
inline void part(catalogue::Setup& setup, std::vector<NodeId> side, Duration at, Duration length) {
  sim::Fault fault;
  fault.kind = sim::FaultKind::partition;
  fault.at = Instant{} + at;
  fault.length = length;
  fault.nodes = std::move(side);
  setup.faults.push_back(fault);
  setup.quiet_from = std::max(setup.quiet_from, fault.at + length);
}

inline Played run(const char* protocol, catalogue::Setup setup) {
  sim::Trace trace;
  setup.trace = &trace;
  const auto* found = catalogue::find(protocol);
  REQUIRE(found != nullptr);
  Played played{found->run(setup), "", ""};
  for (const auto& record : trace.records()) {
    if (record.text != "starts") played.trace += trace.line(record) + "\n";
  }
  if (!played.report.violations.empty()) played.violated = played.report.violations.front().check;
  return played;
}

}  // namespace play
