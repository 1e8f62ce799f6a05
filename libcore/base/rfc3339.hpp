// SPDX-License-Identifier: MIT
// Wall-clock time as text: RFC 3339, always UTC when written. Years 1 to 9999; nanoseconds outside
// what 64 bits hold (1677 to 2262) cannot be read. Leap seconds (":60") are read as the second
// after ":59", as POSIX counts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace coord {

// "2026-11-22T01:27:15.123456789Z"; digits: 0 to 9 of the fraction, the rest is cut off (towards the past).
std::string rfc3339(WallTime time, int fraction_digits = 9);

// "2026-11-22T01:27:15Z", with a fraction of 1 to 9 digits, with an offset "+01:00";
// nothing else. No text: no value.
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace coord
