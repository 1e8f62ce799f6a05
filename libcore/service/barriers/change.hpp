// SPDX-License-Identifier: MIT
// What one command changes of barriers.
#pragma once

#include <vector>

#include "service/barriers/barriers.hpp"
#include "service/core.hpp"

namespace coord::service {

struct Barriers::Change {
  BarrierState& state;
  Level level = first_level;
  LogIndex index{};
  WallTime wall{};
  Effects effects{};                 // BarrierMoved, TimerStarted, TimerEnded
  std::vector<SessionId> leavers{};  // sessions that have no part in a barrier any more: to be ended
};

}  // namespace coord::service
