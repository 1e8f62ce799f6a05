// SPDX-License-Identifier: MIT
// Who may learn: the host that the group has registered under a number.
//
// A founder whose disk was lost greets under its first number, takes no part, and is to hear that its vote
// was taken away. If that number were given a place again, it would never hear so. Pure.
#pragma once

#include <cstdint>

#include "base/ids.hpp"
#include "service/state.hpp"

namespace coord::replica {

// The host that greets under this number in that life is the one that is registered.
bool is_registered_life(const service::State& state, NodeId node, std::uint64_t life);

}  // namespace coord::replica
