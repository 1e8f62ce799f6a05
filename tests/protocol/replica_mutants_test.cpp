// Rules of the sessions that are removed one at a time where no storm is needed to notice.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "replica_desk.hpp"

using namespace coord;
using namespace coord::replica;

namespace {

// How long after the last renewal that succeeded a command is killed, if its peer was killed and started
// again on the way.
Duration lives_after_renewal() {
  Desk desk;
  desk.holds(1);
  const Instant sent = desk.now;
  desk.now += 5s;
  desk.restarts({1});
  desk.quorum(false);
  while (desk.stops.empty() || !desk.stops.back().kill) desk.pass(10ms);
  return desk.now - sent;
}

}  // namespace

TEST_CASE("resumed_from_last_renewal: a restarted peer that counts from its own start is noticed") {
  CHECK(lives_after_renewal() <= 8010ms);
  mutants::removed = "resumed_from_last_renewal";
  const Duration without = lives_after_renewal();
  mutants::removed.clear();
  CHECK(without > 10s);  // the lease is over by then
}

TEST_CASE("break_only_own_or_root: a stranger who breaks a lock is noticed") {
  const auto breaks = [] {
    Desk desk;
    desk.holds(1);
    desk.foreign({.node = desk.other,
                  .client = desk.machine.registration(desk.other),
                  .sequence = 1,
                  .body = service::Break{desk.session_of(1), 1001, "stranger"}});
    return !desk.told<local::Lost>(1).empty();
  };
  CHECK_FALSE(breaks());
  mutants::removed = "break_only_own_or_root";
  const bool without = breaks();
  mutants::removed.clear();
  CHECK(without);
}
