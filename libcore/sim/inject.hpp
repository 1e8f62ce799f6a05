// SPDX-License-Identifier: MIT
// Carries a plan of faults out in a world, and ends it: after the quiet begins nothing is wrong any more, so
// what the protocol promises for good times can be asked of it.
#pragma once

#include <vector>

#include "sim/faults.hpp"
#include "sim/world_core.hpp"

namespace coord::sim {

// From `quiet_from` on links are whole, clocks true, nodes started (but those whose disk lets them refuse).
void inject(WorldCore& world, const std::vector<Fault>& plan, Instant quiet_from);

}  // namespace coord::sim
