// SPDX-License-Identifier: MIT
// A storm: random faults by seed against a Cluster, then a quiet time in which it must come back.
#pragma once

#include <cstdint>
#include <string>

namespace raft_test {

struct Storm {
  std::string violation;  // empty: none
  std::string trace;      // of the end of the run, if there is a violation
  std::size_t steps = 0;
  std::size_t commands = 0;  // committed
  std::size_t changes = 0;   // of the voters, committed
};

// The same seed, the same run. 3 or 5 peers; loss, doubling, reordering, cuts, crashes with any
// part of the writes in flight done, stalled disks, snapshots, transfers, reads, wiped disks
// that rejoin; then all is healed.
Storm weather(std::uint64_t seed);
// The same, while voters come and go: 2 to 4 peers found, two more join. No disk is lost.
Storm churn(std::uint64_t seed);

}  // namespace raft_test
