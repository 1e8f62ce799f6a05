// SPDX-License-Identifier: MIT
// What an engine says of itself, for `dpeers` and `dpeers doctor`: nothing hangs on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.hpp"

namespace coord::engines {

struct About {
  std::string version;
  std::optional<std::string>
      leader;               // where that is, as people call it; "": there is none; nothing: not told
  std::uint64_t bytes = 0;  // of its database; 0: not known
  std::uint64_t quota = 0;  // of that; 0: not told
  bool keeps_all = false;   // its history is never compacted
  bool operator==(const About&) const = default;
};

// A server of the engine's URL, as its connections went.
struct Endpoint {
  std::string address;
  bool connected = false;
  std::string trouble;  // why the last connection ended, or did not come about; empty: none has, or it stands
  Instant since{};      // when that was
};

}  // namespace coord::engines
