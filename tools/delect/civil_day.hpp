// SPDX-License-Identifier: MIT
// Which day it is by the calendar of a named time zone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace coord::delect {

// Days since 1970-01-01 of that zone's calendar, at `now`. The zone is one of the system's (tzdata), such as
// Europe/Berlin; ErrorKind::usage if there is none of that name, whose days would be those of UTC. Sets TZ
// for as long as it takes: for a process of one thread.
Result<std::int64_t> civil_day(std::string_view zone, WallTime now);

// "2025-03-30".
std::string date_of(std::int64_t day);

}  // namespace coord::delect
