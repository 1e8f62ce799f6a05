// SPDX-License-Identifier: MIT
// Looks for a run that violates what a protocol promises: one setup for each seed, with the faults that the
// protocol says it stands, and the violation found made as small as it will go.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "catalogue/protocol.hpp"

namespace coord::catalogue {

// What the sweep runs for this seed. `nodes`: 0: as the seed says.
Setup setup_of(const Protocol& protocol, std::uint64_t seed, std::size_t nodes = 0);

struct Found {
  std::uint64_t seed = 0;
  sim::Violation violation;
  Setup shortest;  // the same violation with the fewest nodes, faults and operations found
  sim::Violation in_shortest;
  std::string trace;  // of the shortest
};

struct SweepResult {
  std::uint64_t seeds = 0;  // that were run
  std::uint64_t events = 0, operations = 0;
  sim::FaultCounts faults;
  std::map<std::string, std::uint64_t> situations;  // in how many runs each was brought about
  std::optional<Found> found;
};

// Seeds first, first+1, ..., until one is violated or `count` were run. `goes_on` is asked after each.
SweepResult sweep(const Protocol& protocol, std::uint64_t first, std::uint64_t count,
                  const std::function<bool(std::uint64_t seed)>& goes_on = {});

}  // namespace coord::catalogue
