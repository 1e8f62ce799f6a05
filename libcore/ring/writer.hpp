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

// The number with which its host came in. Not of a dot of a ring of one host's own: that has the host's id.
inline Token membership_of(const Dot& dot) {
  constexpr std::uint64_t of_host = (std::uint64_t{1} << life_shift) - 1;
  return Token{dot.host.value & of_host};
}

inline bool is_written_by(const Dot& dot, const Host& host) {
  return membership_of(dot) == host.joined;
}

}  // namespace coord::ring
