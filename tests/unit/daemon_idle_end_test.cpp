// SPDX-License-Identifier: MIT
// What a peer does before it ends because it is idle.
#include <catch2/catch.hpp>

#include "daemon/idle_end.hpp"

using namespace coord;

TEST_CASE(
    "a peer that is alone goes on to the next level before it ends, a gateway to a shared log does not") {
  replica::LevelView view;
  view.level = Level{2};
  view.next = Level{3};
  CHECK(daemon::raises_before_it_ends(false, view));
  CHECK_FALSE(daemon::raises_before_it_ends(true, view));
  view.missing.emplace(NodeId{1}, replica::LevelView::Missing::earlier);
  CHECK_FALSE(daemon::raises_before_it_ends(false, view));
  view.missing.clear();
  view.next = view.level;
  CHECK_FALSE(daemon::raises_before_it_ends(false, view));
}
