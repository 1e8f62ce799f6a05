// SPDX-License-Identifier: MIT
// How long ago, for people.
#pragma once

#include <string>

#include "base/time.hpp"

namespace coord::cli {

// In the largest unit of which there are at least two, or one of seconds: "59 s", "17 min", "25 h", "3 d".
std::string age_text(Duration age);
// From `since` to `now`; nothing below zero: the two may be of different clocks.
std::string age_text(WallTime since, WallTime now);

}  // namespace coord::cli
