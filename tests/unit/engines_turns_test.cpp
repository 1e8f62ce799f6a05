// SPDX-License-Identifier: MIT
// Which endpoint of an engine is tried, and by which of its addresses.
#include <catch2/catch.hpp>

#include "engines/turns.hpp"

using namespace coord::engines;
using namespace std::chrono_literals;

TEST_CASE("turns: a name with several addresses, whose first server answers nothing") {
  Turns turns(1);
  CHECK(turns.address() == 0);
  turns.lost();  // it took the connection, and has no quorum
  CHECK(turns.address() == 1);
  turns.reached();
  turns.lost();  // it was well: it may be so again
  CHECK(turns.address() == 1);
  turns.lost();
  CHECK(turns.address() == 2);
}

TEST_CASE("turns: one endpoint after the other, and a pause after all") {
  Turns turns(2);
  CHECK_FALSE(turns.lost().is_round);
  CHECK(turns.endpoint() == 1);
  CHECK(turns.address() == 0);
  CHECK(turns.lost().pause == 50ms);
  CHECK(turns.endpoint() == 0);
  CHECK(turns.address() == 1);
  CHECK(turns.lost().pause == 0ms);
  const Turns::Next again = turns.lost();
  CHECK(again.is_round);
  CHECK(again.pause == 100ms);
  for (int i = 0; i < 20; ++i) turns.lost();
  CHECK(turns.lost().pause <= 1s);
  turns.lost();
  turns.reached();
  CHECK(turns.lost().pause <= 50ms);
}

TEST_CASE("turns: pauses stay short for the time in which an engine gets another leader") {
  Turns turns(1);
  std::chrono::milliseconds sum{};
  while (sum < 9s) {
    const auto pause = turns.lost().pause;
    CHECK(pause <= 250ms);
    sum += pause;
  }
  for (int i = 0; i < 20; ++i) turns.lost();
  CHECK(turns.lost().pause == 1s);
  turns.reached();
  for (int i = 0; i < 6; ++i) turns.lost();
  CHECK(turns.lost().pause == 250ms);
}
