// SPDX-License-Identifier: MIT
// Bounds on what is kept (limits.hpp).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/level.hpp"
#include "base/time.hpp"

namespace coord::service {

struct ElectionLimits {
  std::size_t value_bytes = 1'024;                // of what a leader publishes: an address, a line
  std::size_t candidates = 20'000;                // and names with some: with their values 20 MiB at worst
  std::size_t enrolments = 10'000;                // of all hosts
  std::size_t books_of_user = 5'000;              // of the next, begun by one user
  std::size_t slot_keys_of_user = 15'000;         // of slot_keys
  std::size_t books = 20'000;                     // names of which it is known when they were last completed
  std::size_t slot_keys = 60'000;                 // keys: six names by the hour for 400 days
  std::size_t slot_key_bytes = 255;               // as a name
  std::size_t all_slot_bytes = 8U << 20U;         // of all of them
  std::uint32_t attempts = 1'000;                 // beginnings of one slot
  Duration period_low = std::chrono::seconds(1);  // of slots by the clock

  void set_level(Level level) {
    if (level < 2) books_of_user = slot_keys_of_user = std::numeric_limits<std::size_t>::max();
  }
};

}  // namespace coord::service
