// SPDX-License-Identifier: MIT
// The time that time-outs of the network are counted in.
#pragma once

#include <chrono>

#include "base/time.hpp"

namespace coord::net {

inline Instant steady_now() {
  return Instant(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

}  // namespace coord::net
