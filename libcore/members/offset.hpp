// SPDX-License-Identifier: MIT
// How far another host's clock is from this one's, from pings and their answers.
//
// As NTP works it out (RFC 5905, section 8): of the four times of an exchange the offset is the mean of the
// two ways' differences, wrong by at most half the round trip, and most wrong where one way had to wait. So
// of the last exchanges the one with the shortest round trip counts (its clock filter).
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "base/time.hpp"

namespace coord::members {

class Offset {
 public:
  // asked and answered by this host's clock, heard and sent by the other's. What cannot be true is not taken.
  void add(WallTime asked, WallTime heard, WallTime sent, WallTime answered);
  std::optional<Duration> estimate() const;  // positive: the other clock is ahead

 private:
  struct Exchange {
    Duration offset{}, round_trip{};
  };
  std::array<Exchange, 8> last_{};
  std::size_t count_ = 0;
};

}  // namespace coord::members
