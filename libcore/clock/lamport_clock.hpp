// SPDX-License-Identifier: MIT
// Lamport's scalar clock (CACM 1978, rules IR1 and IR2).
//
// Problem: order the events of several hosts so that a cause never comes after its effect. Wall
// clocks cannot: they differ by more than a message takes. One counter a host can: it ticks at every
// event, a message carries it, and a receiver jumps beyond what it received. a -> b implies C(a) <
// C(b), so (C, host) is a total order that respects causality. The reverse does not hold: C(a) < C(b)
// only says that b did not cause a.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"
#include "clock/limits.hpp"
#include "clock/relation.hpp"

namespace coord::clock {

struct LamportClock {
  std::uint64_t count = 0;

  // A local event or the sending of a message.
  Status tick() { return advance_beyond(count); }
  // The receipt of a message stamped `remote`: one event, one tick.
  Status receive(LamportClock remote) { return advance_beyond(remote.count > count ? remote.count : count); }

 private:
  Status advance_beyond(std::uint64_t least) {
    if (least >= largest_counter)
      return Error{ErrorKind::data, "Lamport clock", "counter would pass 2^53 - 1",
                   "refuse the sender's clock or start anew"};
    count = least + 1;
    return done();
  }
};

// What two stamps say. Equal stamps of different hosts are concurrent: one would be
// larger if it had seen the other.
constexpr Relation compare(LamportClock a, std::string_view host_a, LamportClock b, std::string_view host_b) {
  if (a.count == b.count) return host_a == host_b ? Relation::equal : Relation::concurrent;
  return a.count < b.count ? Relation::before_or_concurrent : Relation::after_or_concurrent;
}

}  // namespace coord::clock
