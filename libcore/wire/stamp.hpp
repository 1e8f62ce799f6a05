// SPDX-License-Identifier: MIT
// The stamp on every message between peers, of the sender's hybrid logical clock (clock/hybrid_clock.hpp).
//
//   payload of a frame of type message or channel, from level 2 on:  stamp u64 | message     little-endian
//
// Who receives a message lets its own clock go on from there, so that what it does after it is stamped later
// than what the sender did before it, whatever the two wall clocks say. Nothing that must be right hangs on
// it: stamps are for people and logs.
#pragma once

#include <cstddef>

#include "base/level.hpp"

namespace coord::wire {

inline constexpr std::size_t stamp_size = 8;
inline constexpr Level stamps_since = 2;

}  // namespace coord::wire
