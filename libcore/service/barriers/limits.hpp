// SPDX-License-Identifier: MIT
// Bounds on what is kept (limits.hpp).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/level.hpp"
#include "base/time.hpp"

namespace coord::service {

struct BarrierLimits {
  std::size_t participants = 4'096;       // of a barrier: a listing of it stays below a frame
  std::size_t participant_bytes = 100;    // an id, for the same reason
  std::size_t why_bytes = 255;            // of what is said of a failure
  std::size_t expect_bytes = 64U << 10U;  // all ids that one arrival expects: each arrival says them
  std::size_t barriers = 4'096;           // in use
  std::size_t barriers_of_user = 1'024;   // of them, begun by one user
  std::size_t idle_barriers = 1'024;      // kept for their number, their last state and for the late
  std::size_t idle_barrier_bytes = 4U << 20U;
  std::size_t all_barrier_bytes = 16U << 20U;
  Duration late_window = std::chrono::hours(12);  // less than the day until a job uses the name again

  void set_level(Level level) {
    if (level < 2) barriers_of_user = std::numeric_limits<std::size_t>::max();
  }
};

}  // namespace coord::service
