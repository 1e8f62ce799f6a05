// SPDX-License-Identifier: MIT
// The stamps on messages between peers, also without their rule.
#include <catch2/catch.hpp>
#include <chrono>

#include "base/rule.hpp"
#include "daemon/group_clock.hpp"

using namespace coord;
using namespace coord::daemon;
using namespace std::chrono_literals;

namespace {

constexpr WallTime at(std::int64_t ms) {
  return {(1'800'000'000'000 + ms) * 1'000'000};
}

}  // namespace

TEST_CASE("what is sent after something was heard is stamped later, whatever the clocks say") {
  GroupClock ahead, behind;
  const std::uint64_t sent = ahead.stamp(at(5000));
  CHECK_FALSE(behind.hear(sent, at(0)));
  const std::uint64_t answer = behind.stamp(at(1));
  CHECK(answer > sent);
  CHECK(clock::HybridTime{answer}.wall_ms() == clock::HybridTime{sent}.wall_ms());
  CHECK(behind.stamp(at(6000)) > answer);
  CHECK(clock::HybridTime{behind.last()}.wall_ms() == clock::HybridTime{ahead.last()}.wall_ms() + 1000);
}

TEST_CASE("wild_clock_is_not_followed: one that is too far ahead is named and takes nobody with it") {
  const auto follows = [] {
    GroupClock wild, host;
    const std::uint64_t before = host.stamp(at(0));
    const auto ahead = host.hear(wild.stamp(at(3'600'000)), at(1));
    const bool named = ahead && *ahead > 3'599s && *ahead < 3'601s;
    const std::uint64_t after = host.stamp(at(2));
    return !named || after < before ||
           clock::HybridTime{after}.wall_ms() > clock::HybridTime{before}.wall_ms() + 10;
  };
  CHECK_FALSE(follows());
  mutants::removed = "wild_clock_is_not_followed";
  CHECK(follows());
  mutants::removed.clear();
}

TEST_CASE("a minute ahead is followed, a millisecond more is not, nor is the largest stamp there is") {
  GroupClock host;
  CHECK_FALSE(host.hear(clock::HybridTime::of(1'800'000'060'000, 7).bits, at(0)));
  CHECK(host.last().wall_ms() == 1'800'000'060'000);
  CHECK(host.hear(clock::HybridTime::of(1'800'000'060'001, 0).bits, at(0)) == 60'001ms);
  CHECK(host.hear(~std::uint64_t{0}, at(0)));
  CHECK_FALSE(host.hear(0, at(0)));
}

TEST_CASE("a clock that was set back by an hour is what stamps go by, and others follow them again") {
  GroupClock host, other;
  (void)host.stamp(at(3'600'000));
  const std::uint64_t set_back = host.stamp(at(0));
  CHECK_FALSE(other.hear(set_back, at(0)));
  const std::uint64_t little = host.stamp(at(-30'000));  // by less than others follow: the order stays
  CHECK(little > set_back);
}
