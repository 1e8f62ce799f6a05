// SPDX-License-Identifier: MIT
// The hybrid logical clock that goes with every message between peers (wire/stamp.hpp).
//
// A stamp of a host whose clock is far ahead is not followed: the clocks of the group would stay that far
// ahead of the time until it has come. Below that bound the largest wall time of all is what the stamps go
// by, so they are as good as the best clock of the group and in the order of what led to what.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "clock/hybrid_clock.hpp"

namespace coord::daemon {

class GroupClock {
 public:
  static constexpr Duration most_ahead = std::chrono::minutes(1);

  // For what is sent at wall time `now`.
  std::uint64_t stamp(WallTime now);
  // Of what has come. How far ahead of `now` it is, if that is too far to follow.
  std::optional<Duration> hear(std::uint64_t stamp, WallTime now);
  clock::HybridTime last() const { return clock_.last(); }

 private:
  clock::HybridClock clock_;
};

}  // namespace coord::daemon
