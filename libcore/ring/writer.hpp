// SPDX-License-Identifier: MIT
// In whose name a dot was given: a membership's, which is the number with which its host came in, or of that
// host's copy by itself (one_copy.cpp).
#pragma once

#include <cstdint>

#include "protocol/versions/version.hpp"
#include "ring/placement.hpp"

namespace coord::ring {

// No number of the group is so large.
inline constexpr std::uint64_t by_itself = std::uint64_t{1} << 63U;

inline bool is_written_by(const Dot& dot, const Host& host) {
  return (dot.host.value & ~by_itself) == host.joined.value;
}

}  // namespace coord::ring
