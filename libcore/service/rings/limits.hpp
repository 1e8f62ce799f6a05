// SPDX-License-Identifier: MIT
// Bounds on what is kept (limits.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/level.hpp"

namespace coord::service {

struct RingLimits {
  std::size_t rings = 256;
  std::size_t ring_hosts = 1'024;
  std::uint32_t ring_places = 64;    // of one host
  std::uint32_t ring_replicas = 16;  // of one key

  void set_level(Level /*level*/) {}
};

}  // namespace coord::service
