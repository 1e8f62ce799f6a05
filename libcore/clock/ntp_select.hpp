// SPDX-License-Identifier: MIT
// Many servers, some of them wrong: which to believe, and what time they tell together.
//
// Averaging lets one liar move the result; taking the nearest or the median of the offsets ignores how far
// each may be wrong. Each server claims an interval, offset +- root distance. The intersection algorithm
// (Marzullo's, as refined in RFC 5905, 11.2.1) finds the smallest interval common to a majority: servers
// outside it are falsetickers. Unless the rest are more than half of all there is no answer, and none is made
// up. Among the truechimers, clustering (11.2.2) drops the outliers that add more spread than they remove;
// the survivors are averaged by 1/root distance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "clock/ntp_packet.hpp"

namespace coord::ntp {

struct Candidate {
  Duration offset{};
  Duration root_distance{};
  Duration bound{};  // as error_bound()
  Duration jitter{};
  std::uint8_t stratum = 0;
  Leap leap = Leap::none;
};

enum class Standing {
  truechimer,     // agrees with the majority
  falseticker,    // does not
  smear_suspect,  // near a leap second, tells another kind of second than the servers combined
};

struct Selection {
  bool majority = false;            // false: there is no offset
  std::vector<Standing> standings;  // one a candidate, in order; without a majority nobody is a truechimer
  std::vector<bool> used;           // survived clustering and went into the offset
  std::size_t used_count = 0;
  Duration offset{};
  Duration bound{};  // holds while more than half of the truechimers are as good as they say
};

// utc: about what time it is, to know whether a leap second is near (ntp_smear.hpp).
Selection select(const std::vector<Candidate>& candidates, WallTime utc);

}  // namespace coord::ntp
