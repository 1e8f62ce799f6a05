// SPDX-License-Identifier: MIT
// Which counters of one sender have been seen: each is accepted once, in any order within the window.
//
// Problem: a datagram that was recorded opens as well as the first time; and the network itself delivers
// some twice and others late. A highest counter alone would refuse every late one, a set of all of them
// would grow without end. So the last `size` counters have a bit each (RFC 4303, section 3.4.3), and
// what is older is refused unseen.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>

namespace coord::net {

class ReplayWindow {
 public:
  // Two seconds of the busiest sender's datagrams, and far more than any network reorders.
  static constexpr std::size_t size = 2048;

  // Counters begin at 1. Ask only of what was found authentic: a forged counter would move the window.
  bool accept(std::uint64_t counter);

  std::uint64_t highest() const { return highest_; }

 private:
  void advance(std::uint64_t counter);

  std::bitset<size> seen_;
  std::uint64_t highest_ = 0;
};

}  // namespace coord::net
