// SPDX-License-Identifier: MIT
// What is left of `dpeers voters --pause`.
//
// An end that is said as a time of day comes too early or too late where a clock is set, and whose clock
// counts changes with the leader. So what is said is a length, and every host counts it from when it has
// applied the order, by a clock that nobody sets: whoever leads by then has counted as long as the others. A
// host that was started since begins anew: a pause may be longer than was asked for, and is never shorter.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>

#include "base/time.hpp"
#include "service/session.hpp"

namespace coord::replica {

class VoterPause {
 public:
  // At each step: what is ordered now.
  void look(Instant now, const service::VoterPolicy& policy) {
    const std::pair asked(policy.pause, policy.pause_asked);
    if (since_ && asked == asked_) return;
    asked_ = asked;
    since_ = now;
  }
  Duration left(Instant now) const {
    return since_ ? std::max(Duration{}, *since_ + asked_.first - now) : Duration{};
  }

 private:
  std::pair<Duration, WallTime> asked_;
  std::optional<Instant> since_;  // since when that is so
};

}  // namespace coord::replica
