// SPDX-License-Identifier: MIT
// At the end of a field fault: nothing that must hold was violated.
#pragma once

#include <catch2/catch.hpp>

#include "sweep/scene.hpp"

namespace coord::sweep {

inline void check_no_violation(const Scene& scene) {
  INFO(scene.violation());
  CHECK_FALSE(scene.world.violation());
}

}  // namespace coord::sweep
