// SPDX-License-Identifier: MIT
// What a store may be told; every default has its reason.
#pragma once

#include <cstdint>
#include <string>

#include "base/level.hpp"

namespace coord::store {

struct Options {
  std::string place;  // of the directory, for messages only; may be empty
  // Each segment is twice as large as the one before, from the first size up to this one: a private peer
  // starts in a few milliseconds, and a busy one makes a new segment seldom.
  std::uint64_t first_segment_bytes = std::uint64_t{64} << 10U;  // at least 8 KiB
  std::uint64_t segment_bytes = std::uint64_t{4} << 20U;         // at most segment_limit
  // nearly_full() when fewer bytes would be left on the file system with the next segment made: enough for
  // that segment, and one more, to take releases, expiries and elections while proposals are refused.
  std::uint64_t keep_free_bytes = std::uint64_t{8} << 20U;
  Level level = newest_level;  // files of a higher one are refused, untouched
};

}  // namespace coord::store
