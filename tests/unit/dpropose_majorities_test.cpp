// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "dpropose/majorities.hpp"

using coord::dpropose::Majorities;

TEST_CASE("answers to different ballots are no majority together") {
  Majorities majorities(5, "a", coord::service::Agreement::paxos);
  CHECK(majorities.after("promise 1.1", "b").empty());
  CHECK(majorities.after("promise 1.1", "b").empty());  // it says it again
  CHECK(majorities.after("rejected 1.1, promised 2.5", "d").empty());
  CHECK(majorities.after("promise 3.1, accepted v in 2.5", "c").empty());
  CHECK(majorities.after("promise 3.1", "d") == "  (a majority: a, c, d)");
  CHECK(majorities.after("promise 3.1", "e").empty());  // there is one already
  CHECK(majorities.after("accepted 3.1", "c").empty());
  CHECK(majorities.after("accepted 3.1", "b") == "  (a majority: a, c, b)");
}

TEST_CASE("by pbft 2f+1 prepare, the primary by its pre-prepare, and 2f+1 commit") {
  Majorities majorities(4, "b", coord::service::Agreement::pbft);
  CHECK(majorities.after("request 2#1", "a").empty());
  CHECK(majorities.after("pre-prepare 2#1 at 1 in view 0", "a").empty());
  CHECK(majorities.after("prepare 1 in view 1", "c").empty());  // of another view
  CHECK(majorities.after("prepare 1 in view 0", "c") == "  (2f+1: b, a, c)");
  CHECK(majorities.after("commit 1 in view 0", "d").empty());
  CHECK(majorities.after("commit 1 in view 0", "a") == "  (2f+1: b, d, a)");
}

TEST_CASE("by ben-or a majority reports and proposes, whatever it says, in each round anew") {
  Majorities majorities(3, "a", coord::service::Agreement::ben_or);
  CHECK(majorities.after("report 1 in 1", "b") == "  (a majority: a, b)");
  CHECK(majorities.after("propose ? in 1", "c") == "  (a majority: a, c)");
  CHECK(majorities.after("report 0 in 2", "c") == "  (a majority: a, c)");
}
