// SPDX-License-Identifier: MIT
// What stays on the disk of a membership that is over, and when it goes.
#include "ring_group.hpp"

using namespace coord;
using namespace coord::ring;

TEST_CASE("what a host kept as a member that it is no more goes, once others have it", "[ring]") {
  Group group(4);
  group.found(4);
  for (int i = 0; i < 150; ++i) REQUIRE(is_stored(group.put(1, std::to_string(i), "v")));
  const std::string stored = group.stored_ring(4);
  REQUIRE(group.rows(4, stored) > 0);
  const Token number = group.leave(4);
  REQUIRE(std::holds_alternative<HandedOver>(group.ask(4, AwaitHandOver{"r", number})));
  CHECK(group.rows(4, stored) > 0);
  group.settle();
  for (int i = 0; i < 8; ++i) group.run();
  CHECK(group.rows(4, stored) == 0);
  for (int i = 0; i < 150; ++i) CHECK(group.get(2, std::to_string(i)) == "v");
}

TEST_CASE("a host that was given up for lost keeps its rows until it has joined again", "[ring]") {
  Group group(4);
  group.found(4);
  for (int i = 0; i < 80; ++i) REQUIRE(is_stored(group.put(1, std::to_string(i), "v")));
  const std::string stored = group.stored_ring(4);
  group.stop(4);
  REQUIRE(group.adopt(1, {NodeId{4}}));
  group.start(4);
  group.hold(4);
  for (int i = 0; i < 8; ++i) group.run();
  CHECK(group.rows(4, stored) > 0);
  REQUIRE(group.whole_join(4));
  for (int i = 0; i < 8; ++i) group.run();
  CHECK(group.rows(4, stored) == 0);
  CHECK(group.rows(4, group.stored_ring(4)) > 0);
}
