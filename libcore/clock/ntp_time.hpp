// SPDX-License-Identifier: MIT
// NTP's own time formats, and the arithmetic that makes their roll-overs harmless.
//
// An NTP timestamp counts seconds since 1900 in 32 bits and starts again in February 2036 (era 1). The
// obvious way, to turn each timestamp into a calendar time and subtract those, is wrong for every pair that
// straddles the roll-over and loses the last bits in floating point. So differences are taken first, as
// signed 64-bit numbers modulo 2^64 (RFC 5905, 6): right for all pairs less than 68 years apart, whatever
// their eras. Only display needs an era; it takes the one nearest to a pivot, which is the local clock.
#pragma once

#include <compare>
#include <cstdint>

#include "base/time.hpp"

namespace coord::ntp {

// A point in time: 32 bits of seconds since 1900 (modulo 2^32), 32 bits of fraction. Zero means "not known".
struct Timestamp {
  std::uint64_t bits = 0;
  bool operator==(const Timestamp&) const = default;
};

// a - b in units of 2^-32 s, modulo 2^64: positive when a is later.
constexpr std::int64_t ticks_between(Timestamp a, Timestamp b) {
  return static_cast<std::int64_t>(a.bits - b.bits);
}

// Units of 2^-32 s to nanoseconds, rounded to the nearest.
Duration from_ticks(std::int64_t ticks);

// Half of a sum of two differences, which itself needs 65 bits.
Duration half_sum(std::int64_t first_ticks, std::int64_t second_ticks);

Timestamp timestamp_of(WallTime time);

// The time within 68 years of pivot that the timestamp can mean.
WallTime wall_time_of(Timestamp timestamp, WallTime pivot);

Timestamp operator+(Timestamp timestamp, Duration step);

// The 16.16 format of root delay and root dispersion: seconds, 0 to 65536.
struct Short {
  std::uint32_t bits = 0;
  bool operator==(const Short&) const = default;
};
Duration duration_of(Short value);

// Rounded up and held to the format's range, so that a stated dispersion is never less than the real one.
Short short_of(Duration value);

// 2^exponent seconds; exponents outside -30 .. 16 are held to that range (1 ns, 18 h).
Duration power_of_two(int exponent);

constexpr double seconds_of(Duration value) {
  return static_cast<double>(value.count()) * 1e-9;
}

// The nearest nanosecond; values outside the 292 years of a Duration are held to its ends, a NaN gives zero.
Duration duration_of_seconds(double seconds);

// Largest frequency error that a clock is assumed to have (RFC 5905 PHI, 15 ppm): how
// fast old knowledge decays.
constexpr double frequency_tolerance = 15e-6;

// Error that may have grown over an interval, rounded up.
Duration drift_over(Duration interval);

}  // namespace coord::ntp
