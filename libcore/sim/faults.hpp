// SPDX-License-Identifier: MIT
// A plan of faults by seed: what goes wrong, when, for how long, to whom.
// It is a list made before the run, so that it can be printed, replayed, and shortened
// to the faults that matter.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "sim/fault_kind.hpp"

namespace coord::sim {

struct Fault {
  FaultKind kind = FaultKind::partition;
  Instant at;
  Duration length{};  // until it is undone: healed, resumed, started again, ...
  std::vector<NodeId>
      nodes;  // whom it strikes; a partition: these against all others; one-way and bridge: two
  // loss_burst: percent lost. delay_burst: ms more. crash_in_call, disk_error: so many calls later.
  // clock_rate: ppm. disk_full: bytes left free. Else unused.
  std::uint64_t amount = 0;
  bool power = false;         // crash_in_call: the power goes, not only the process
  bool at_directory = false;  // crash_in_call, disk_error: in a call that changes or syncs the directory
};

// One line: `partition {1 2} for 300 ms`.
std::string text(const Fault& fault);

struct FaultConfig {
  // faults begin before this time; the caller then calls for quiet
  Duration active = std::chrono::seconds(10);
  std::map<FaultKind, Duration> mean_gap;  // how often each kind strikes; absent: never
  Duration length_low = std::chrono::milliseconds(20);
  Duration length_high = std::chrono::milliseconds(2000);
  // After a flipped bit or a failed sync a node may rightly refuse to go on: so at most
  // so many nodes suffer these.
  std::size_t damage_limit = 0;
  // Only about half of the kinds in each seed: what needs many faults of one kind drowns when all are mixed
  // (Groce et al., "Swarm Testing", ISSTA 2012).
  bool swarm = true;

  // Faults of links and of processes; messages, nodes and clocks but no disks.
  static FaultConfig without_disks(Duration active);
  // Everything, with damage to a minority of `nodes`.
  static FaultConfig everything(Duration active, std::size_t nodes);
};

// In the order of time. The same arguments give the same plan on every machine.
std::vector<Fault> plan_faults(const FaultConfig& config, std::size_t nodes, std::uint64_t seed);

// The plan with every fault taken out that the failure does not need, by halves and then one by one, in at
// most `budget` calls of `still_fails`.
std::vector<Fault> shrink(std::vector<Fault> plan,
                          const std::function<bool(const std::vector<Fault>&)>& still_fails,
                          int budget = 200);

}  // namespace coord::sim
