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
