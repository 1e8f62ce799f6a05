// SPDX-License-Identifier: MIT
// The bounds on everything that logical clocks read from outside, and why each is what it is.
#pragma once

#include <cstddef>
#include <cstdint>

namespace coord::clock {

// JSON readers in other languages hold numbers as doubles: integers are exact below 2^53.
inline constexpr std::uint64_t largest_counter = (std::uint64_t{1} << 53U) - 1;
// A host name is a name as everywhere in coordutils; it stands alone in a log line, so
// it has no blanks or braces.
inline constexpr std::size_t longest_host = 255;
// Bounds the memory that a stream of made-up names can take: 65,536 names of 255 bytes are 16 MiB.
inline constexpr std::size_t most_hosts = 65'536;
// A vector of 65,536 short names fits; a file without newlines cannot make a reader allocate more than this.
inline constexpr std::size_t longest_line = std::size_t{1} << 20U;

}  // namespace coord::clock
