// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "dpropose/majorities.hpp"

using coord::dpropose::Majorities;

TEST_CASE("answers to different ballots are no majority together") {
  Majorities majorities(5, "a");
  CHECK(majorities.after("promise 1.1", "b").empty());
  CHECK(majorities.after("promise 1.1", "b").empty());  // it says it again
  CHECK(majorities.after("rejected 1.1, promised 2.5", "d").empty());
  CHECK(majorities.after("promise 3.1, accepted v in 2.5", "c").empty());
  CHECK(majorities.after("promise 3.1", "d") == "  (a majority: a, c, d)");
  CHECK(majorities.after("promise 3.1", "e").empty());  // there is one already
  CHECK(majorities.after("accepted 3.1", "c").empty());
  CHECK(majorities.after("accepted 3.1", "b") == "  (a majority: a, c, b)");
}
