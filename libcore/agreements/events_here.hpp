// SPDX-License-Identifier: MIT
// The events of this host (part_log.cpp): of a generation, and all of them, written down.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/ids.hpp"

namespace coord::agreements {

// How many events of each host are known.
using EventClock = std::map<NodeId, std::uint64_t>;

// Writes a line of this host's events down; `known`: how many events of each host the last line of its
// earlier lives knew.
struct Trace {
  std::function<void(const std::string& line)> write{};
  std::map<std::string, std::uint64_t> known{};
};

// Of a generation.
struct EventLog {
  std::string name;
  EventClock clock;
  std::vector<std::string> lines;
  bool whole = true;
};

}  // namespace coord::agreements
