// SPDX-License-Identifier: MIT
// Bounds on what is kept (limits.hpp).
#pragma once

#include <cstddef>

#include "base/level.hpp"

namespace coord::service {

struct ValueLimits {
  std::size_t one_value_bytes = 64U << 10U;  // a command stays far below a frame
  std::size_t all_value_bytes = 16U << 20U;  // of all: configuration and small results, not a file server
  std::size_t value_keys = 65'536;           // with a name of 255 bytes each as much again
  std::size_t value_keys_of_user = 16'384;   // one user's runaway loop leaves room for the others

  void set_level(Level /*level*/) {}
};

}  // namespace coord::service
