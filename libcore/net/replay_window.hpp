// Which counters of one sender have been seen: each is accepted once, in any order within the window.
//
// Problem: a datagram that was recorded opens as well as the first time; and the network itself delivers some
// twice and others late. A highest counter alone would refuse every late one, a set of all of them would grow
// without end. So the last `size` counters have a bit each (RFC 4303, section 3.4.3), and what is older is
// refused unseen.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>

#include "base/rule.hpp"

namespace coord::net {

class ReplayWindow {
 public:
  // Two seconds of the busiest sender's datagrams, and far more than any network reorders.
  static constexpr std::size_t size = 2048;

  // Counters begin at 1. Ask only of what was found authentic: a forged counter would move the window.
  bool accept(std::uint64_t counter) {
    if (counter == 0) return false;
    if (counter > highest_) {
      advance(counter);
    } else {
      const bool within = highest_ - counter < size;
      if (!COORD_RULE(datagram_below_the_window_is_refused, within)) return false;
      if (!COORD_RULE(datagram_is_accepted_once, !seen_[counter % size])) return false;
    }
    seen_[counter % size] = true;
    return true;
  }

  std::uint64_t highest() const { return highest_; }

 private:
  // The places of what now enters the window are those of what leaves it.
  void advance(std::uint64_t counter) {
    if (counter - highest_ >= size) {
      seen_.reset();
    } else {
      const std::uint64_t first = COORD_RULE_OR(datagram_window_keeps_the_highest, highest_ + 1, highest_);
      for (std::uint64_t next = first; next <= counter; ++next) seen_[next % size] = false;
    }
    highest_ = counter;
  }

  std::bitset<size> seen_;
  std::uint64_t highest_ = 0;
};

}  // namespace coord::net
