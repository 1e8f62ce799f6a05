// SPDX-License-Identifier: MIT
// Time as protocols see it: they are told what time it is and never ask.
//
// Instant belongs to a clock without now(), so that reading the time inside a protocol does not compile. The
// caller maps its own clock (CLOCK_BOOTTIME under coordd, virtual time under the simulator) to Instants.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace coord {

struct ProtocolClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<ProtocolClock>;
  static constexpr bool is_steady = true;
};

using Duration = std::chrono::nanoseconds;
using Instant = ProtocolClock::time_point;

// Wall-clock time, for display and records only: no decision of a protocol may depend on
// it. Nanoseconds since 1970.
struct WallTime {
  std::int64_t unix_ns = 0;
  auto operator<=>(const WallTime&) const = default;
};

}  // namespace coord
