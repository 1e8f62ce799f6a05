// SPDX-License-Identifier: MIT
// The clock of people. Deadlines go by another one (process/boot_time.hpp).
#pragma once

#include <chrono>

#include "base/time.hpp"

namespace coord::daemon {

inline WallTime wall_now() {
  return WallTime{std::chrono::duration_cast<std::chrono::nanoseconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count()};
}

}  // namespace coord::daemon
