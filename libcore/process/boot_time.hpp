// SPDX-License-Identifier: MIT
// The clock of deadlines: CLOCK_BOOTTIME, which counts on while the machine sleeps and which no one can set.
#pragma once

#include <ctime>

#include "base/check.hpp"
#include "base/time.hpp"

namespace coord::process {

// Instants of this machine since its boot; they mean nothing on another one or after a restart.
inline Instant boot_now() {
  timespec now{};
  COORD_CHECK(::clock_gettime(CLOCK_BOOTTIME, &now) == 0);
  return Instant(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace coord::process
