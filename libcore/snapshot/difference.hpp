// SPDX-License-Identifier: MIT
// What has happened between two snapshots of one group.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/record.hpp"

namespace coord::record {

struct Difference {
  struct Process {
    std::string id;
    // Nothing: it has no record there.
    std::optional<std::string> before, after;
    bool another_life = false;
    std::uint64_t events = 0;  // of its own that it has had in between, in one life
    bool operator==(const Process&) const = default;
  };
  // Messages of one channel between the two cuts.
  struct Channel {
    std::string from, to;
    std::uint64_t sent = 0, received = 0;
    std::uint64_t on_way_before = 0, on_way_after = 0;
    bool operator==(const Channel&) const = default;
  };
  std::vector<Process> processes;  // those that differ, by id
  std::vector<Channel> channels;   // those in which something moved
  bool same() const { return processes.empty() && channels.empty(); }
};

Difference difference(const Snapshot& before, const Snapshot& after);

}  // namespace coord::record
