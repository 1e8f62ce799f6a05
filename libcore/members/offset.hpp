// SPDX-License-Identifier: MIT
// How far another host's clock is from this one's, from pings and their answers.
//
// As NTP works it out (RFC 5905, section 8): of the four times of an exchange the offset is the mean of the
// two ways' differences, wrong by at most half the round trip, and most wrong where one way had to wait. So
// of the last exchanges that one counts whose bound is the least now (its clock filter): half the round trip,
// and what two clocks may have drifted apart since, at 15 millionths each, as RFC 5905 has it.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "base/time.hpp"

namespace coord::members {

class Offset {
 public:
  struct Estimate {
    Duration offset{};  // positive: the other clock is ahead
    Duration bound{};   // the error is at most this, if neither clock was set since
  };
  // asked and answered by this host's clock, heard and sent by the other's. What cannot be true is not taken.
  // That exchange alone, if it was taken.
  std::optional<Estimate> add(Instant now, WallTime asked, WallTime heard, WallTime sent, WallTime answered);
  std::optional<Estimate> estimate(Instant now) const;

 private:
  struct Exchange {
    Instant at{};
    Duration offset{}, round_trip{};
    Duration bound(Instant now) const;
  };
  std::array<Exchange, 8> last_{};
  std::size_t count_ = 0;
};

}  // namespace coord::members
