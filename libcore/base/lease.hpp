// SPDX-License-Identifier: MIT
// How the time of a lease is shared out: one definition for all who hold something under one, and for those
// who stop what runs under it.
//
// The lease ends at the leader a TTL after it applied the last renewal, which is later than the renewal was
// sent. Whatever runs under it must have stopped before, by a clock that may run at another rate than the
// leader's: both may be 10 % off, and 0.8 x 1.1 < 0.9.
#pragma once

#include "base/time.hpp"

namespace coord::lease {

inline constexpr int stop_tenths = 8;        // of the TTL since the last renewal that succeeded was sent
inline constexpr int most_grace_tenths = 4;  // of the TTL, from TERM to KILL: the longest
inline constexpr int grace_tenths = 3;       // ... and unless somebody says another
inline constexpr int renewals = 4;           // a TTL
inline constexpr int take_up_tenths = 4;     // of the TTL since the grant

// When all must have stopped, if the last renewal that succeeded was sent then.
constexpr Instant stop_by(Instant sent, Duration ttl) {
  return sent + ttl * stop_tenths / 10;
}
// When the next renewal is sent.
constexpr Instant renew_at(Instant sent, Duration ttl) {
  return sent + ttl / renewals;
}
// When what is granted now must have been taken up: so long before the lease ends that
// nothing has to be stopped.
constexpr Instant take_up_by(Instant granted, Duration ttl) {
  return granted + ttl * take_up_tenths / 10;
}
constexpr Duration usual_grace(Duration ttl) {
  return ttl * grace_tenths / 10;
}
constexpr bool is_too_long_a_grace(Duration grace, Duration ttl) {
  return grace * 10 > ttl * most_grace_tenths;
}

}  // namespace coord::lease
