// SPDX-License-Identifier: MIT
// The first of some instants at which something is due, each of which may be none.
#pragma once

#include <optional>

#include "base/time.hpp"

namespace coord::engines {

class Earliest {
 public:
  void add(std::optional<Instant> when) {
    if (when && (!first_ || *when < *first_)) first_ = when;
  }
  std::optional<Instant> get() const { return first_; }

 private:
  std::optional<Instant> first_;
};

}  // namespace coord::engines
