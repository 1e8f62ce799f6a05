// SPDX-License-Identifier: MIT
// Bounds on what the group keeps, each with its reason. They decide what is refused and so are part of the
// state machine: every peer of a group must run with the same ones. So they are constants of a level: another
// number is a branch in its part's set_level().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/level.hpp"
#include "base/time.hpp"
#include "service/families.hpp"

namespace coord::service {

// Of what belongs to no family.
struct CoreLimits {
  std::size_t sessions = 20'000;  // a snapshot of them all (about 1 KiB each at most) stays far below 64 MiB
  std::size_t sessions_of_user = 5'000;     // one user's runaway loop leaves room for the others
  std::size_t nodes = 1'024;                // that are registered
  std::size_t retired = 64;                 // numbers of disks that were lost
  std::size_t peer_bytes = 320;             // of a peer's name, and of its address
  std::size_t name_bytes = 255;             // as a file name
  std::size_t owner_bytes = 8'192;          // of one session: a command line of 4,096 and names
  std::size_t all_owner_bytes = 16U << 20;  // of all sessions
  std::size_t sessions_a_renew = 4'096;     // a command stays far below a frame
  std::uint64_t window = 4'096;             // commands of one peer that are not settled yet
  Duration ttl_low = std::chrono::milliseconds(10);
  Duration duration_high = std::chrono::hours(31 * 24);  // of TTL, lock delay and minimum hold

  void set_level(Level level) {
    nodes = level >= 2 ? 4'096 : 1'024;
    retired = level >= 2 ? 4'096 : 64;
  }
};

template <class... F>
struct LimitsOf : CoreLimits, F::LimitsPart... {
  void set_level(Level level) {
    CoreLimits::set_level(level);
    (F::LimitsPart::set_level(level), ...);
  }
};
struct Limits : Apply<LimitsOf, Families> {};

Limits limits_of_level(Level level);

// 1 to name_bytes bytes, no NUL, no leading '-': a name never looks like an option and fits a listing.
bool valid_name(std::string_view name, const Limits& limits);

}  // namespace coord::service
