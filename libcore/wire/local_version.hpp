// SPDX-License-Identifier: MIT
// Which requests and answers an end of a tool's connection knows: a release that speaks an older version of
// the protocol closes the connection on one that is new to it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <variant>

#include "wire/frame.hpp"
#include "wire/local.hpp"

namespace coord::local {

static_assert(newest_spoken == wire::frame_version);

// What two ends speak with each other, where one of them is this release.
constexpr std::uint32_t common(std::uint32_t other_speaks) {
  return std::clamp(other_speaks, wire::first_version, newest_spoken);
}

// New alternatives are appended to Request and Answer; here stands how many an older version has.
inline constexpr std::size_t requests_of_version_1 = 21;
inline constexpr std::size_t answers_of_version_1 = 21;

inline bool knows(std::uint32_t version, const Request& request) {
  return version >= 2 || request.index() < requests_of_version_1;
}
inline bool knows(std::uint32_t version, const Answer& answer) {
  return version >= 2 || answer.index() < answers_of_version_1;
}

}  // namespace coord::local
