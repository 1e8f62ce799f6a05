// SPDX-License-Identifier: MIT
// What an engine says of itself, for `dpeers` and `dpeers doctor`: nothing hangs on it.
#pragma once

#include <cstdint>
#include <string>

namespace coord::engines {

struct About {
  std::string version;
  bool has_leader = true;
  std::uint64_t bytes = 0;  // of its database; 0: not known
  std::uint64_t quota = 0;  // of that; 0: not told
  bool keeps_all = false;   // its history is never compacted
  bool operator==(const About&) const = default;
};

}  // namespace coord::engines
