// SPDX-License-Identifier: MIT
// A node's own clock: it starts anywhere and runs too fast or too slow, but never backwards. Integers only,
// so that every machine computes the same instants.
#pragma once

#include <cstdint>

#include "base/check.hpp"
#include "base/time.hpp"

namespace coord::sim {

class LocalClock {
 public:
  // parts per million of world time: 1.1 is 1'100'000
  static constexpr std::int64_t true_rate_ppm = 1'000'000;

  explicit LocalClock(Instant local_start = Instant{}, std::int64_t rate_ppm = true_rate_ppm)
      : local_base_(local_start), rate_ppm_(rate_ppm) {
    COORD_CHECK(rate_ppm > 0);
  }

  // What it shows at this world time. World times must not be before the last set_rate().
  Instant at(Instant world) const {
    const Wide passed = Wide{(world - world_base_).count()} * rate_ppm_ / true_rate_ppm;
    return local_base_ + Duration(static_cast<Duration::rep>(passed));
  }

  // The first world time at which it shows `local` or later; Instant::max() if that is out of range.
  Instant reaches(Instant local) const {
    if (local <= local_base_) return world_base_;
    const Wide wait = (Wide{(local - local_base_).count()} * true_rate_ppm + rate_ppm_ - 1) / rate_ppm_;
    const Wide range = (Instant::max() - world_base_).count();
    return wait >= range ? Instant::max() : world_base_ + Duration(static_cast<Duration::rep>(wait));
  }

  void set_rate(Instant world_now, std::int64_t rate_ppm) {
    COORD_CHECK(rate_ppm > 0);
    local_base_ = at(world_now);
    world_base_ = world_now;
    rate_ppm_ = rate_ppm;
  }
  std::int64_t rate_ppm() const { return rate_ppm_; }

 private:
  __extension__ using Wide = __int128;

  Instant local_base_;
  Instant world_base_{};
  std::int64_t rate_ppm_;
};

}  // namespace coord::sim
