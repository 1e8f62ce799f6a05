// SPDX-License-Identifier: MIT
// Leap smear: servers that must not be combined with the others.
//
// Around a leap second some servers repeat a second and say so beforehand in their leap bits; others stretch
// the day and say nothing. While they do, the two kinds differ by up to half a second and both are right by
// their own rule: the average of them is wrong by anyone's. One packet cannot show which kind a server is;
// several servers can:
//   - some announce a leap and some do not, within a day of the end of June or December, or
//   - two groups stand apart by what the customary smear (24 h, noon to noon UTC, linear)
//     amounts to just then.
#pragma once

#include <optional>
#include <vector>

#include "clock/ntp_select.hpp"

namespace coord::ntp {

// Signed distance to the nearest end of June or December (UTC), negative before it;
// nothing if it is over a day away.
std::optional<Duration> leap_proximity(WallTime utc);

// How far smearing and stepping servers are apart at this distance from the leap; zero outside of the smear.
Duration smear_gap(Duration from_leap);

// One flag a candidate: true where it must be left out. The larger group stays; of
// two equal ones neither does.
std::vector<bool> smear_suspects(const std::vector<Candidate>& candidates, WallTime utc);

}  // namespace coord::ntp
