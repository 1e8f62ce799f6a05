// SPDX-License-Identifier: MIT
#include "daemon/group_clock.hpp"

#include <algorithm>

#include "base/rule.hpp"

namespace coord::daemon {

namespace {

constexpr std::uint64_t most_ahead_ms = GroupClock::most_ahead / std::chrono::milliseconds(1);

std::uint64_t ms_of(WallTime now) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(now.unix_ns, 0) / 1'000'000);
}

}  // namespace

// A clock that was set back by more than others follow is followed at once: else they would not follow this
// host until the time has come that it had.
std::uint64_t GroupClock::stamp(WallTime now) {
  if (clock_.last().wall_ms() > ms_of(now) + most_ahead_ms) clock_ = clock::HybridClock();
  const auto time = clock_.tick(now);
  return time ? time->bits : clock_.last().bits;
}

std::optional<Duration> GroupClock::hear(std::uint64_t stamp, WallTime now) {
  const clock::HybridTime remote{stamp};
  const std::uint64_t here_ms = ms_of(now);
  const std::uint64_t ahead_ms = remote.wall_ms() > here_ms ? remote.wall_ms() - here_ms : 0;
  if (!COORD_RULE(wild_clock_is_not_followed, ahead_ms <= most_ahead_ms)) {
    constexpr std::uint64_t most_told_ms = std::uint64_t{1} << 40U;  // 34 years
    return std::chrono::milliseconds(std::min(ahead_ms, most_told_ms));
  }
  if (stamp != 0) (void)clock_.receive(remote, now, Duration::max());
  return std::nullopt;
}

}  // namespace coord::daemon
