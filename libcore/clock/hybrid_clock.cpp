// SPDX-License-Identifier: MIT
#include "clock/hybrid_clock.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/rfc3339.hpp"

namespace coord::clock {
namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::uint64_t largest_wall_ms =
    static_cast<std::uint64_t>(INT64_MAX / ns_per_ms);  // what WallTime can hold
constexpr std::uint64_t largest_count = 0xffff;
constexpr std::size_t wall_length = std::string_view("2026-11-22T01:27:15.123Z").size();

std::uint64_t milliseconds(WallTime now) {
  return now.unix_ns <= 0 ? 0 : static_cast<std::uint64_t>(now.unix_ns / ns_per_ms);
}

}  // namespace

std::string to_string(HybridTime time) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text =
      rfc3339({static_cast<std::int64_t>(std::min(time.wall_ms(), largest_wall_ms)) * ns_per_ms}, 3);
  text += '.';
  for (int shift = 12; shift >= 0; shift -= 4)
    text += digits[(time.counter() >> static_cast<unsigned>(shift)) & 0xfU];
  return text;
}

std::optional<HybridTime> parse_hybrid_time(std::string_view text) {
  if (text.size() != wall_length + 5 || text[wall_length - 1] != 'Z' || text[wall_length] != '.')
    return std::nullopt;
  const auto wall = parse_rfc3339(text.substr(0, wall_length));
  if (!wall || wall->unix_ns < 0) return std::nullopt;
  std::uint64_t counter = 0;
  for (const char c : text.substr(wall_length + 1)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    counter = counter * 16 + static_cast<std::uint64_t>(digit);
  }
  return HybridTime::of(milliseconds(*wall), counter);
}

Relation compare(HybridTime a, std::string_view host_a, HybridTime b, std::string_view host_b) {
  if (a == b) return host_a == host_b ? Relation::equal : Relation::concurrent;
  return a < b ? Relation::before_or_concurrent : Relation::after_or_concurrent;
}

Result<HybridTime> HybridClock::tick(WallTime now) {
  const std::uint64_t wall = std::max(last_.wall_ms(), milliseconds(now));
  return advance(wall, wall == last_.wall_ms() ? last_.counter() + 1 : 0);
}

Result<HybridTime> HybridClock::receive(HybridTime remote, WallTime now, Duration max_offset) {
  const std::uint64_t local = milliseconds(now);
  if (remote.wall_ms() > local) {
    const std::uint64_t ahead_ms = remote.wall_ms() - local;
    if (ahead_ms > static_cast<std::uint64_t>(std::max<std::int64_t>(max_offset.count(), 0) / ns_per_ms)) {
      return Error{ErrorKind::data, to_string(remote),
                   fmt::format("the sender's clock is {} ms ahead of this host's", ahead_ms),
                   "set the clocks, or allow it with --max-offset"};
    }
  }
  const std::uint64_t wall = std::max({last_.wall_ms(), remote.wall_ms(), local});
  std::uint64_t counter = 0;
  if (wall == last_.wall_ms()) counter = last_.counter() + 1;
  if (wall == remote.wall_ms()) counter = std::max(counter, remote.counter() + 1);
  return advance(wall, counter);
}

// A counter that overflows borrows a millisecond from the future: the order stays, the wall part runs ahead
// by 1 ms for each 65,536 events within one millisecond.
Result<HybridTime> HybridClock::advance(std::uint64_t wall_ms, std::uint64_t counter) {
  if (counter > largest_count) {
    wall_ms += 1;
    counter = 0;
  }
  if (wall_ms > largest_wall_ms)
    return Error{ErrorKind::data, "hybrid clock", "wall time is beyond the year 2262", "set the clock"};
  last_ = HybridTime::of(wall_ms, counter);
  return last_;
}

}  // namespace coord::clock
