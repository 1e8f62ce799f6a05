// SPDX-License-Identifier: MIT
// Vector clocks (Fidge 1988; Mattern, "Virtual Time and Global States of Distributed Systems", 1989).
//
// Problem: tell whether one event can have caused another. A scalar clock only excludes one
// direction. A vector counts, for each host, how many of its events are known: V(a) < V(b) (no entry
// greater, one smaller) exactly if a -> b, and two events of which neither vector dominates are
// concurrent. The price is one entry a host.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "clock/relation.hpp"

namespace coord::clock {

class VectorClock {
 public:
  using Counts = std::map<std::string, std::uint64_t, std::less<>>;

  VectorClock() = default;
  explicit VectorClock(Counts counts);  // entries of 0 are dropped: an absent entry is 0

  std::uint64_t at(std::string_view host) const;
  const Counts& counts() const { return counts_; }

  // A local event of `host`, or its sending of a message (which carries the clock after the tick).
  Status tick(std::string_view host);
  // `host` receives a message stamped `message`: entry-wise maximum, then one tick. Refused, with nothing
  // changed, if the message knows more events of `host` than `host` itself: then this clock's state has been
  // lost, and going on would give two events the same stamp.
  Status receive(std::string_view host, const VectorClock& message);
  // Entry-wise maximum.
  void join(const VectorClock& other);

  bool operator==(const VectorClock&) const = default;

 private:
  Counts counts_;
};

Relation compare(const VectorClock& a, const VectorClock& b);

}  // namespace coord::clock
