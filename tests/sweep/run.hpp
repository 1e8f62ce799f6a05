// One seed, one run: a group, its shell users, a plan of faults, then quiet, in which service must come back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/fault_kind.hpp"
#include "sim/faults.hpp"
#include "sim/trace.hpp"

namespace coord::sweep {

struct RunResult {
  std::optional<std::string> violation;  // a line
  sim::FaultCounts faults;
  std::uint64_t events = 0;
  std::uint64_t fingerprint = 0;
  double simulated_s = 0;
  std::uint64_t grants = 0, losses = 0, renewals = 0;
};

struct RunOptions {
  sim::Trace* trace = nullptr;
  const std::vector<sim::Fault>* plan = nullptr;  // instead of the seed's own
};

// The seed decides everything: the number of peers, their configuration, their users, the faults.
RunResult run_seed(std::uint64_t seed, const RunOptions& options = {});
std::vector<sim::Fault> plan_of(std::uint64_t seed);

}  // namespace coord::sweep
