// SPDX-License-Identifier: MIT
// One seed, one run: a group, its shell users, a plan of faults, then quiet, in which service must come back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/fault_kind.hpp"
#include "sim/faults.hpp"
#include "sim/trace.hpp"
#include "sweep/profile.hpp"

namespace coord::sweep {

struct RunResult {
  std::string check;      // the invariant that was violated; empty: none
  std::string violation;  // in a line
  sim::FaultCounts faults;
  std::uint64_t events = 0;
  std::uint64_t fingerprint = 0;
  double simulated_s = 0;
  std::uint64_t grants = 0, losses = 0, renewals = 0, listings = 0, resumptions = 0, passes = 0, changes = 0,
                orders = 0, forgets = 0, heard = 0;
  bool undecided = false;  // the search for an order of it was given up
};

struct RunOptions {
  std::optional<Profile> profile;  // instead of the seed's own
  sim::Trace* trace = nullptr;
  const std::vector<sim::Fault>* plan = nullptr;  // instead of the seed's own
};

// The seed decides everything: the number of peers, their configuration, their users, the faults.
RunResult run_seed(std::uint64_t seed, const RunOptions& options = {});

}  // namespace coord::sweep
