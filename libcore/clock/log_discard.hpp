// SPDX-License-Identifier: MIT
// What a host that keeps events for others may forget (Wuu and Bernstein, PODC 1984): the events that every
// host of the group is known to know.
//
// Matrix logs answer it as each host could have at its own last line. Vector logs say what each host knows
// but not what it knows of the others; there the answer is that of an observer who has all the logs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "clock/log_line.hpp"
#include "clock/matrix_clock.hpp"

namespace coord::clock {

struct Discardable {
  std::string holder;   // who may forget; empty: the observer of all logs
  std::string origin;   // whose events
  std::uint64_t up_to;  // their numbers 1 to this
};

class DiscardFinder {
 public:
  explicit DiscardFinder(const HostTable& hosts) : hosts_(hosts) {}

  // Lines in any order that keeps those of each host in theirs. An Error (data) for
  // scalar clocks and mixed kinds.
  Status add(const LogLine& line);
  // `group`: every host that may still need events. Empty: all hosts that the logs name, which is right only
  // if each member has been heard of.
  std::vector<Discardable> find(std::vector<std::string> group) const;

 private:
  struct Last {
    std::uint64_t own = 0;
    std::vector<MatrixCell> cells;
  };
  MatrixClock matrix_of(const std::vector<MatrixCell>& cells) const;
  const HostTable& hosts_;
  std::map<HostIndex, Last> last_;  // by host: its latest clock
  std::optional<ClockKind> kind_;
};

}  // namespace coord::clock
