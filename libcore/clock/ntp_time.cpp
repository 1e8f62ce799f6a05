// SPDX-License-Identifier: MIT
#include "clock/ntp_time.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace coord::ntp {
namespace {

__extension__ using Wide = __int128;

constexpr std::int64_t ns_per_s = 1'000'000'000;
constexpr std::int64_t unix_epoch_s = 2'208'988'800;  // 1970 as seconds since 1900

// ticks * 10^9 / 2^(32 + extra_bits), to the nearest.
Duration scaled(Wide ticks, int extra_bits) {
  const int shift = 32 + extra_bits;
  const Wide half = Wide{1} << (shift - 1);
  return Duration(static_cast<std::int64_t>((ticks * ns_per_s + half) >> shift));
}

}  // namespace

Duration from_ticks(std::int64_t ticks) {
  return scaled(ticks, 0);
}

Duration half_sum(std::int64_t first_ticks, std::int64_t second_ticks) {
  return scaled(Wide{first_ticks} + second_ticks, 1);
}

Timestamp timestamp_of(WallTime time) {
  std::int64_t seconds = time.unix_ns / ns_per_s;
  std::int64_t rest_ns = time.unix_ns % ns_per_s;
  if (rest_ns < 0) {
    rest_ns += ns_per_s;
    --seconds;
  }
  const auto fraction = ((static_cast<std::uint64_t>(rest_ns) << 32U) + ns_per_s / 2) / ns_per_s;
  return {(static_cast<std::uint64_t>(seconds + unix_epoch_s) << 32U) + fraction};
}

WallTime wall_time_of(Timestamp timestamp, WallTime pivot) {
  return {pivot.unix_ns + from_ticks(ticks_between(timestamp, timestamp_of(pivot))).count()};
}

Timestamp operator+(Timestamp timestamp, Duration step) {
  const Wide ticks = (Wide{step.count()} << 32U) / ns_per_s;
  return {timestamp.bits + static_cast<std::uint64_t>(ticks)};
}

Duration duration_of(Short value) {
  return Duration(static_cast<std::int64_t>((std::uint64_t{value.bits} * ns_per_s + 0xffff) >> 16U));
}

Short short_of(Duration value) {
  if (value <= Duration::zero()) return {};
  const Wide bits = ((Wide{value.count()} << 16U) + ns_per_s - 1) / ns_per_s;
  return {static_cast<std::uint32_t>(std::min<Wide>(bits, std::numeric_limits<std::uint32_t>::max()))};
}

Duration power_of_two(int exponent) {
  exponent = std::clamp(exponent, -30, 16);
  if (exponent >= 0) return Duration(ns_per_s << exponent);
  return Duration(std::max<std::int64_t>(1, ns_per_s >> -exponent));
}

Duration duration_of_seconds(double seconds) {
  if (std::isnan(seconds)) return Duration::zero();
  const double limit = 9.2e18;
  return Duration(static_cast<std::int64_t>(std::llround(std::clamp(seconds * 1e9, -limit, limit))));
}

Duration drift_over(Duration interval) {
  const double ns = std::abs(static_cast<double>(interval.count())) * frequency_tolerance;
  return Duration(static_cast<std::int64_t>(std::ceil(ns)));
}

}  // namespace coord::ntp
