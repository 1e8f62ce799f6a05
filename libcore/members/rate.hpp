// SPDX-License-Identifier: MIT
// How much faster another host's clock runs than this one's, from the offsets of single exchanges.
//
// Problem: a lease is counted by each host's own clock, and holds as long as no clock runs more than a tenth
// faster than another one. A machine whose clock runs wild does not know that itself.
//
// Why the obvious answer fails: an offset that has grown says nothing of the rate, for a clock that was set
// once moves it, too. And half the round trip by which each offset may be wrong is divided by the time
// between the two: over a short time that alone may look like a wild clock.
//
// The way here: the slope of the offset over windows that follow each other, each lessened by all that its
// two ends may be wrong. It counts if it has the same sign in three of them in a row, and then the least
// counts: a clock that is set once spoils one window only.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace coord::members {

class Rate {
 public:
  static constexpr Duration shortest_window = std::chrono::seconds(3);
  static constexpr Duration longest_window = std::chrono::minutes(20);  // after more, all begins anew

  // `offset` of the other clock at `now`, by this host's clock, wrong by at most `error`.
  void add(Instant now, Duration offset, Duration error);
  // In millionths; positive: the other clock is faster, by so much at least. Nothing: not known yet.
  std::optional<std::int64_t> ppm() const;

 private:
  struct Sample {
    Instant at{};
    Duration offset{}, error{};
  };
  std::optional<Sample> begun_;
  std::array<std::int64_t, 3> slopes_{};  // of the last windows, in millionths
  std::size_t count_ = 0;
};

}  // namespace coord::members
