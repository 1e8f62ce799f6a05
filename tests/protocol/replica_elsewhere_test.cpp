// SPDX-License-Identifier: MIT
// A session that holds something by an engine's own recipe: its time is the shorter one of two leases.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "replica_desk.hpp"

using namespace coord;
using namespace coord::replica;

namespace {

// How long after the last word of that other lease the command is killed, the session's own being renewed.
Duration lives_after_last_word() {
  OneHost desk;
  desk.holds(1);
  const Instant sent = desk.now;
  desk.holds_elsewhere(1, sent);
  for (int i = 0; i < 3000 && (desk.stops.empty() || !desk.stops.back().kill); ++i) {
    desk.pass(10ms);
    desk.order();
  }
  return desk.now - sent;
}

// The same when its peer is killed and started again on the way: nobody renews that lease any more.
Duration lives_after_a_restart() {
  OneHost desk;
  desk.holds(1);
  const Instant sent = desk.now;
  desk.holds_elsewhere(1, sent);
  desk.pass(1s);
  desk.restarts({1});
  desk.registers_again(11);
  for (int i = 0; i < 3000 && (desk.stops.empty() || !desk.stops.back().kill); ++i) {
    desk.pass(10ms);
    desk.order();
  }
  return desk.now - sent;
}

}  // namespace

TEST_CASE("a hold elsewhere: each renewal of the two moves the deadline, to the earlier one") {
  OneHost desk;
  desk.holds(1);
  const Instant began = desk.now;
  desk.pass(1s);
  desk.holds_elsewhere(1, began);
  CHECK(desk.told<local::Renewed>(1).back().sent == began);
  desk.pass(2s);  // the session's own renewal
  desk.order();
  CHECK(desk.told<local::Renewed>(1).back().sent == began);
  const Instant later = desk.now - 200ms;
  desk.holds_elsewhere(1, later);
  CHECK(desk.told<local::Renewed>(1).back().sent == std::min(later, began + 2500ms));
  CHECK(desk.stops.empty());
  for (int i = 0; i < 10; ++i) {
    desk.pass(2s);
    desk.order();
    desk.holds_elsewhere(1, desk.now - 100ms);
  }
  CHECK(desk.stops.empty());
}

TEST_CASE(
    "a hold elsewhere that nobody renews: the command is asked to end once, whatever its session is told") {
  OneHost desk;
  desk.holds(1);
  desk.holds_elsewhere(1, desk.now);
  for (int i = 0; i < 790; ++i) {
    desk.pass(10ms);
    desk.order();
  }
  CHECK(desk.stops.size() == 1);
  CHECK_FALSE(desk.stops.front().kill);
}

TEST_CASE("a hold elsewhere that is lost: the command is killed at once, and the session ends with it") {
  OneHost desk;
  desk.holds(1);
  desk.holds_elsewhere(1, {}, "its key is gone");
  REQUIRE(desk.told<local::Lost>(1).size() == 1);
  CHECK(desk.told<local::Lost>(1)[0].why == "its key is gone");
  REQUIRE_FALSE(desk.stops.empty());
  CHECK(desk.stops.back().kill);
}

TEST_CASE("a hold elsewhere: rules") {
  CHECK(lives_after_last_word() <= 8010ms);
  CHECK(lives_after_a_restart() <= 8010ms);
  const auto without = [](const char* rule, const auto& story) {
    mutants::removed = rule;
    const Duration lives = story();
    mutants::removed.clear();
    return lives;
  };
  CHECK(without("elsewhere_bounds_the_session", lives_after_last_word) > 10s);
  CHECK(without("elsewhere_is_not_resumed", lives_after_a_restart) > 10s);
}
