// SPDX-License-Identifier: MIT
#include "net/replay_window.hpp"

#include "base/rule.hpp"

namespace coord::net {

bool ReplayWindow::accept(std::uint64_t counter) {
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

// The places of what now enters the window are those of what leaves it.
void ReplayWindow::advance(std::uint64_t counter) {
  if (counter - highest_ >= size) {
    seen_.reset();
  } else {
    const std::uint64_t first = COORD_RULE_OR(datagram_window_keeps_the_highest, highest_ + 1, highest_);
    for (std::uint64_t next = first; next <= counter; ++next) seen_[next % size] = false;
  }
  highest_ = counter;
}

}  // namespace coord::net
