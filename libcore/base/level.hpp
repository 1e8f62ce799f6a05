// SPDX-License-Identifier: MIT
// The level of a group: which formats and rules its peers have agreed on.
//
// Problem: peers of two releases run together while a group is upgraded. A format or rule of the newer one,
// used too early, is read wrongly or not at all by the older one; guessed at by each for itself, it makes
// them apply the same log differently. So the group has a level. It begins at the first, is raised by an
// entry of the log once all voters have announced that they can (service/level.hpp), and only then does
// anybody write, send or apply anything of it. Every release knows all levels up to its own.
#pragma once

#include <cstdint>

namespace coord {

using Level = std::uint32_t;

inline constexpr Level first_level = 1;   // of release 0.1.0
inline constexpr Level newest_level = 2;  // that this release knows

}  // namespace coord
