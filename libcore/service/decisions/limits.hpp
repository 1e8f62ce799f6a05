// SPDX-License-Identifier: MIT
// Bounds on what is kept (limits.hpp).
#pragma once

#include <cstddef>

#include "base/level.hpp"

namespace coord::service {

struct DecisionLimits {
  std::size_t one_decision_bytes = 64U << 10U;  // a command stays far below a frame
  std::size_t all_decision_bytes = 16U << 20U;
  std::size_t decisions = 65'536;
  std::size_t decisions_of_user = 16'384;  // one user's runaway loop leaves room for the others
  std::size_t decision_sites = 31;         // of one
  std::size_t forgotten_decisions = 4'096;

  void set_level(Level /*level*/) {}
};

}  // namespace coord::service
