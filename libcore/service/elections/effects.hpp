// SPDX-License-Identifier: MIT
// What commands about leaderships change, beside what is said of locks too (locks/effects.hpp).
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.hpp"
#include "service/answer.hpp"

namespace coord::service {

// A candidate that had waited is gone although its session lives: its slot is complete, or used up.
struct Dismissed {
  SessionId session{};
  std::uint64_t request = 0;
  Refusal why = Refusal::none;
  bool operator==(const Dismissed&) const = default;
};

// The leader is to stop its command and resign.
struct StepDown {
  SessionId session{};
  std::uint64_t request = 0;
  bool preempted = false;  // by a candidate of higher priority; else somebody asked for it
  bool operator==(const StepDown&) const = default;
};

// Somebody leads, stands, or no longer does; or something was completed: for those who watch the name.
struct LeadershipChanged {
  std::string name{};
  bool operator==(const LeadershipChanged&) const = default;
};

}  // namespace coord::service
