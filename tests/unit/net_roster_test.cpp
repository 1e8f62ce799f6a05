// SPDX-License-Identifier: MIT
// Numbers, names and addresses of a group's nodes.
#include <catch2/catch.hpp>

#include "net/greeting.hpp"
#include "net/roster.hpp"

using namespace coord;
using namespace coord::net;

TEST_CASE("a founder's number is that of release 0.1.0, whoever else is in the list") {
  // FNV-1a of 64 bits, as its authors give it.
  CHECK(Roster::founding_id("a") == NodeId{0xaf63dc4c8601ec8cU});
  CHECK(Roster::founding_id("foobar") == NodeId{0x85944171f73967e8U});
  Roster alone;
  REQUIRE(alone.found("b", {"10.0.0.2", 7}).ok());
  Roster many;
  for (const std::string name : {"c", "a", "b"}) REQUIRE(many.found(name, {"10.0.0.1", 7}).ok());
  CHECK(alone.id_of("b") == many.id_of("b"));
  CHECK(many.find(many.id_of("a"))->name == "a");
  CHECK(many.find("c")->address == Address{"10.0.0.1", 7});
  CHECK(many.find("c")->voter);
}

TEST_CASE("who comes later has a number of its own, even under a name that was there before") {
  Roster roster;
  REQUIRE(roster.found("a", {"10.0.0.1", 7}).ok());
  Random random(1);
  const NodeId first = roster.draw(random);
  REQUIRE(roster.admit({first, "d", {"10.0.0.4", 7}}).ok());
  CHECK_FALSE(roster.find("d")->voter);
  roster.remove(first);
  CHECK(roster.find("d") == nullptr);
  CHECK(roster.find(first) == nullptr);
  const NodeId second = roster.draw(random);
  REQUIRE(roster.admit({second, "d", {"10.0.0.4", 7}}).ok());
  CHECK(roster.id_of("d") == second);
  CHECK(second != first);
  CHECK(roster.id_of("nobody") == NodeId{});
}

TEST_CASE("two nodes have neither one name nor one number") {
  Roster roster;
  REQUIRE(roster.found("a", {"10.0.0.1", 7}).ok());
  const Status named = roster.admit({NodeId{5}, "a", {}});
  REQUIRE_FALSE(named.ok());
  CHECK(named.error().text() == "'a': is named twice: give every peer a name of its own");
  const Status numbered = roster.admit({Roster::founding_id("a"), "b", {}});
  REQUIRE_FALSE(numbered.ok());
  CHECK(numbered.error().what == "gets the same number as 'a'");
  CHECK(roster.size() == 1);
  CHECK(roster.find("b") == nullptr);
}

TEST_CASE("the digest of a group is of its founders") {
  Roster roster;
  REQUIRE(roster.found("a", {"10.0.0.1", 7}).ok());
  const auto digest = group_digest(roster.founders());
  REQUIRE(roster.admit({NodeId{5}, "d", {"10.0.0.4", 7}}).ok());
  CHECK(roster.names() == std::set<std::string>{"a", "d"});
  CHECK(roster.names_by_id().at(NodeId{5}) == "d");
  CHECK(group_digest(roster.founders()) == digest);
}
