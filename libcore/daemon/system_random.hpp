// SPDX-License-Identifier: MIT
// The kernel's randomness, for what nobody may guess: seeds, secrets.
#pragma once

#include <sys/random.h>

#include <type_traits>

#include "base/check.hpp"

namespace coord::daemon {

template <class T>
T from_system_random() {
  static_assert(std::is_trivially_copyable_v<T>);
  T value{};
  COORD_CHECK(::getrandom(&value, sizeof value, 0) == static_cast<ssize_t>(sizeof value));
  return value;
}

}  // namespace coord::daemon
