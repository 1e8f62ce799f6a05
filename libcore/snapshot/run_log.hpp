// SPDX-License-Identifier: MIT
// The run of a process as a log that `dclock validate` and `dclock draw` take: a line for each message sent
// and for each one received, which are the events that its clock counts.
#pragma once

#include <string>
#include <string_view>

#include "base/time.hpp"
#include "snapshot/record.hpp"

namespace coord::record {

enum class Deed { sent, received };

// With its newline: `P1 {"P1":3} @TIME sent to P2: pay=3`. `clock` is that after the event. Control
// characters and bytes that are not UTF-8 are escaped; a body longer than `longest_logged` is cut off.
inline constexpr std::size_t longest_logged = 1000;  // bytes
std::string run_line(std::string_view id, const VectorClock& clock, WallTime at, Deed deed,
                     std::string_view other, std::string_view body);

}  // namespace coord::record
