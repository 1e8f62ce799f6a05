// SPDX-License-Identifier: MIT
// How much may be cast on this host: so much at once and so much a second, by each user and by all together.
// One's runaway loop leaves room for others, and a host's for other hosts. A cast costs one, and one more for
// each 4 KiB.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "base/time.hpp"

namespace coord::casts {

class Allowance {
 public:
  struct Rate {
    double at_once, a_second;
  };
  static constexpr Rate of_user{200, 50}, of_host{400, 100};

  // Nothing: it may go. Else after how long it may.
  std::optional<Duration> spend(Instant now, const std::string& user, std::size_t bytes);
  std::size_t users() const { return users_.size(); }

 private:
  struct Bucket {
    double left = 0;
    Instant at;
    void fill(Instant now, Rate rate);
  };
  Bucket host_{of_host.at_once, {}};
  std::map<std::string, Bucket> users_;  // that have not all of theirs
};

}  // namespace coord::casts
