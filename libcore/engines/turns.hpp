// SPDX-License-Identifier: MIT
// Which endpoint of an engine is tried next, by which of the addresses that its name has, and when. Pure.
//
// A server that takes connections and has no quorum is as good as none: an endpoint was of use only if the
// log was read there to its end. Whenever it was not, the next address of its name is tried the next time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace coord::engines {

class Turns {
 public:
  explicit Turns(std::size_t endpoints) : failures_(endpoints) {}

  std::size_t endpoint() const { return at_; }
  std::size_t address() const { return failures_.at(at_); }  // counted on beyond those that there are

  void reached() {
    reached_ = true;
    lost_ = 0;
    pause_ = first_pause;
    paused_ = {};
  }
  struct Next {
    bool is_round = false;  // all were tried
    std::chrono::milliseconds pause{};
  };
  // The next one at once; after a round of all with a pause.
  Next lost() {
    if (!std::exchange(reached_, false)) ++failures_[at_];
    at_ = (at_ + 1) % failures_.size();
    if (++lost_ % failures_.size() != 0) return {};
    const auto longest = paused_ < change_of_leader ? short_pause : longest_pause;
    const auto pause = std::exchange(pause_, std::min(pause_ * 2, longest));
    paused_ += pause;
    return {true, pause};
  }

 private:
  static constexpr std::chrono::milliseconds first_pause{50}, short_pause{250}, longest_pause{1000};
  static constexpr std::chrono::seconds change_of_leader{10};  // whoever has none gets one soon
  std::size_t at_ = 0, lost_ = 0;
  std::vector<std::size_t> failures_;  // of each endpoint
  bool reached_ = false;
  std::chrono::milliseconds pause_ = first_pause, paused_{};
};

}  // namespace coord::engines
