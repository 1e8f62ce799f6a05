// SPDX-License-Identifier: MIT
// Hybrid logical clocks (Kulkarni, Demirbas, Madappa, Avva, Leone: "Logical Physical
// Clocks", OPODIS 2014, figure 5).
//
// Problem: stamps that respect causality like Lamport's and can still be read as a time. A Lamport counter
// has nothing to do with time; a wall clock steps back and differs between hosts. The hybrid clock follows
// the largest wall time seen, its own or a message's, and counts events within it: it stays within the hosts'
// clock offset of real time, never goes back, and fits in 64 bits (48 of milliseconds since 1970, 16 of
// counter). Like Lamport's it cannot tell causality from coincidence.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "clock/relation.hpp"

namespace coord::clock {

struct HybridTime {
  std::uint64_t bits = 0;

  static constexpr HybridTime of(std::uint64_t wall_ms, std::uint64_t counter) {
    return {(wall_ms << 16U) | counter};
  }
  constexpr std::uint64_t wall_ms() const { return bits >> 16U; }
  constexpr std::uint64_t counter() const { return bits & 0xffffU; }
  auto operator<=>(const HybridTime&) const = default;
};

// "2026-11-22T01:27:15.123Z.002a": milliseconds in UTC and the counter in hexadecimal, always 29 characters,
// so that text sorts as the stamps do. Holds times up to the year 2262.
std::string to_string(HybridTime time);
std::optional<HybridTime> parse_hybrid_time(std::string_view text);

Relation compare(HybridTime a, std::string_view host_a, HybridTime b, std::string_view host_b);

class HybridClock {
 public:
  explicit HybridClock(HybridTime last = {}) : last_(last) {}

  HybridTime last() const { return last_; }
  // A local event or the sending of a message at wall time `now`, which may have stepped
  // back since the last event.
  Result<HybridTime> tick(WallTime now);
  // The receipt of a message stamped `remote`. Refused, with nothing changed, if the remote clock is more
  // than `max_offset` ahead of `now`: one wild clock would otherwise drag every other with it for good.
  Result<HybridTime> receive(HybridTime remote, WallTime now, Duration max_offset);

 private:
  Result<HybridTime> advance(std::uint64_t wall_ms, std::uint64_t counter);
  HybridTime last_;
};

}  // namespace coord::clock
