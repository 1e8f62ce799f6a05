// SPDX-License-Identifier: MIT
// What the leader measures for the machine. Each family says which are its own.
#pragma once

#include <cstdint>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace coord::service {

// New kinds are appended: they stand in the log.
enum class TimerKind : std::uint8_t {
  lock_delay,
  min_hold,
  barrier_after,  // the delay after which a quorum suffices
  barrier_late,   // the time for which the late still belong to a generation
  idle_epoch,     // how long a name stays an algorithm's in which nobody takes part
};
constexpr const char* name_of(TimerKind value) {
  switch (value) {
    using enum TimerKind;
    case lock_delay:
      return "lock delay";
    case min_hold:
      return "min hold";
    case barrier_after:
      return "barrier after";
    case barrier_late:
      return "barrier late";
    case idle_epoch:
      return "idle epoch";
  }
  return nullptr;
}

// The leader proposes TimerOver{kind, token} once `length` has passed.
struct TimerStarted {
  TimerKind kind = TimerKind::lock_delay;
  Token token{};
  Duration length{};
  bool operator==(const TimerStarted&) const = default;
};
struct TimerEnded {
  TimerKind kind = TimerKind::lock_delay;
  Token token{};
  bool operator==(const TimerEnded&) const = default;
};

// A timer that runs: for a leader that has not seen it begin.
struct RunningTimer {
  TimerKind kind = TimerKind::lock_delay;
  Token token{};
  Duration length{};
};

}  // namespace coord::service
