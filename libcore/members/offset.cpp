// SPDX-License-Identifier: MIT
#include "members/offset.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace coord::members {

namespace {

constexpr Duration longest_round_trip = std::chrono::seconds(10);
constexpr std::int64_t drift_ns_a_ms = 30;  // of two clocks

// Sums of two of them are in range.
bool is_plausible(WallTime time) {
  return time.unix_ns > 0 && time.unix_ns < std::numeric_limits<std::int64_t>::max() / 4;
}

}  // namespace

Duration Offset::Exchange::bound(Instant now) const {
  const auto age_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - at).count();
  return (round_trip + Duration(1)) / 2 + Duration(drift_ns_a_ms * (age_ms + 1));
}

std::optional<Offset::Estimate> Offset::add(Instant now, WallTime asked, WallTime heard, WallTime sent,
                                            WallTime answered) {
  for (const WallTime time : {asked, heard, sent, answered})
    if (!is_plausible(time)) return std::nullopt;
  const Duration there(heard.unix_ns - asked.unix_ns), back(answered.unix_ns - sent.unix_ns);
  const Duration round_trip = there + back;
  if (round_trip < Duration{} || round_trip > longest_round_trip || sent < heard) return std::nullopt;
  const Exchange exchange{now, (there - back) / 2, round_trip};
  last_.at(count_++ % last_.size()) = exchange;
  return Estimate{exchange.offset, exchange.bound(now)};
}

std::optional<Offset::Estimate> Offset::estimate(Instant now) const {
  if (count_ == 0) return std::nullopt;
  const auto* const end = last_.begin() + std::min(count_, last_.size());
  const auto* const best = std::min_element(
      last_.begin(), end, [&](const Exchange& a, const Exchange& b) { return a.bound(now) < b.bound(now); });
  return Estimate{best->offset, best->bound(now)};
}

}  // namespace coord::members
