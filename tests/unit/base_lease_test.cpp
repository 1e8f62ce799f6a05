// SPDX-License-Identifier: MIT
// How the time of a lease is shared out.
#include <catch2/catch.hpp>
#include <chrono>

#include "base/lease.hpp"

namespace coord::lease {

using namespace std::chrono_literals;

TEST_CASE("what runs under a lease has stopped before the lease can end by the clock of another host") {
  for (const Duration ttl :
       {Duration(1s), Duration(1s + 1ns), Duration(10s), Duration(3601s), Duration(1h)}) {
    const Instant sent{5s};
    const Duration by_own_clock = stop_by(sent, ttl) - sent;
    // This clock is 10 % slow, the leader's 10 % fast.
    CHECK(by_own_clock * 11 < ttl * 9);
    CHECK(renew_at(sent, ttl) + 2 * (ttl / renewals) < stop_by(sent, ttl));  // two renewals may get lost
    // What is not taken up has to be stopped by nobody.
    CHECK(take_up_by(sent, ttl) < stop_by(sent, ttl));
    CHECK_FALSE(is_too_long_a_grace(usual_grace(ttl), ttl));
  }
}

TEST_CASE("a grace is not longer than 0.4 of the TTL") {
  CHECK_FALSE(is_too_long_a_grace(4s, 10s));
  CHECK(is_too_long_a_grace(4s + 1ns, 10s));
  CHECK(stop_by(Instant{}, 10s) == Instant{8s});
  CHECK(usual_grace(10s) == 3s);
}

}  // namespace coord::lease
