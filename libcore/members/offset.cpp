// SPDX-License-Identifier: MIT
#include "members/offset.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace coord::members {

namespace {

constexpr Duration longest_round_trip = std::chrono::seconds(10);

// Sums of two of them are in range.
bool is_plausible(WallTime time) {
  return time.unix_ns > 0 && time.unix_ns < std::numeric_limits<std::int64_t>::max() / 4;
}

}  // namespace

void Offset::add(WallTime asked, WallTime heard, WallTime sent, WallTime answered) {
  for (const WallTime time : {asked, heard, sent, answered})
    if (!is_plausible(time)) return;
  const Duration there(heard.unix_ns - asked.unix_ns), back(answered.unix_ns - sent.unix_ns);
  const Duration round_trip = there + back;
  if (round_trip < Duration{} || round_trip > longest_round_trip || sent < heard) return;
  last_.at(count_++ % last_.size()) = {(there - back) / 2, round_trip};
}

std::optional<Duration> Offset::estimate() const {
  if (count_ == 0) return std::nullopt;
  const auto* const end = last_.begin() + std::min(count_, last_.size());
  return std::min_element(last_.begin(), end,
                          [](const Exchange& a, const Exchange& b) { return a.round_trip < b.round_trip; })
      ->offset;
}

}  // namespace coord::members
