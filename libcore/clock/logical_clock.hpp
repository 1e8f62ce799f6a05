// SPDX-License-Identifier: MIT
// The live clock of one host, of whichever kind: what a clock file holds and `event`, `send`, `recv` and
// `stamp` advance.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "clock/stamp.hpp"

namespace coord::clock {

class LogicalClock {
 public:
  // A new clock, before its first event. `with_hybrid` keeps a hybrid clock beside it.
  LogicalClock(std::string host, ClockKind kind, bool with_hybrid);
  // A clock that goes on after `last`, its host's latest event.
  explicit LogicalClock(Stamp last) : last_(std::move(last)) {}

  const Stamp& last() const { return last_; }
  ClockKind kind() const { return kind_of(last_.clock); }

  // One event of this host at wall time `now`. On an Error nothing has changed.
  Status tick(WallTime now);
  // The receipt of a message: as tick(), after everything that `message` knows. An Error (data) if it is of
  // another kind, of this host's own future, without a host, or more than `max_offset` ahead of `now`.
  Status receive(const Stamp& message, WallTime now, Duration max_offset);

 private:
  Stamp last_;
};

}  // namespace coord::clock
