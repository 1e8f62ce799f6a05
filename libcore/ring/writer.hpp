// SPDX-License-Identifier: MIT
// In whose name a dot was given: a membership's, which is the number with which its host came in, in one of
// its lives (writing.cpp), or of that host's copy by itself (one_copy.cpp).
#pragma once

#include <cstdint>

#include "protocol/versions/version.hpp"
#include "ring/placement.hpp"

namespace coord::ring {

// No number of the group is so large as the first of these bits.
inline constexpr unsigned life_shift = 53;
inline constexpr std::uint64_t by_itself = std::uint64_t{1} << 63U;

// Of a host that gives dots where a majority answers. After 1,024 lives a name comes again, with larger
// numbers: a write of then would have to be away, and known to no majority, for all of that time.
inline NodeId name_in_life(const Host& host, std::uint64_t life) {
  constexpr std::uint64_t names = std::uint64_t{1} << 10U;
  return NodeId{host.joined.value | (life % names) << life_shift};
}

inline bool is_written_by(const Dot& dot, const Host& host) {
  constexpr std::uint64_t of_host = (std::uint64_t{1} << life_shift) - 1;
  return (dot.host.value & of_host) == host.joined.value;
}

}  // namespace coord::ring
