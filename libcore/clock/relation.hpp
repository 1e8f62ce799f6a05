// SPDX-License-Identifier: MIT
// How two events stand to each other in Lamport's happened-before order ("Time, Clocks, and the Ordering of
// Events", CACM 1978), or what little a scalar clock can say about it.
#pragma once

#include <string_view>

namespace coord::clock {

enum class Relation {
  before,      // a happened before b: a may have caused b
  after,       // b happened before a
  equal,       // the same event
  concurrent,  // neither can have caused the other
  // Scalar clocks (Lamport, hybrid) only exclude one direction: a smaller stamp does not prove causality.
  before_or_concurrent,
  after_or_concurrent,
};

constexpr std::string_view to_string(Relation relation) {
  switch (relation) {
    case Relation::before:
      return "before";
    case Relation::after:
      return "after";
    case Relation::equal:
      return "equal";
    case Relation::concurrent:
      return "concurrent";
    case Relation::before_or_concurrent:
      return "before or concurrent";
    case Relation::after_or_concurrent:
      return "after or concurrent";
  }
  return "";
}

}  // namespace coord::clock
