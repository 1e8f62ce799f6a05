// SPDX-License-Identifier: MIT
// Whom a peer greets as one of its group.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "net/greeting.hpp"
#include "net/roster.hpp"
#include "wire/codec.hpp"

using namespace coord;
using namespace coord::net;

TEST_CASE("members_are_of_this_group: who came later to another group is let in without the rule") {
  Greeting founder;
  founder.self = "a";
  founder.level = founder.knows = 2;
  founder.founders = {"a", "b"};
  founder.group_id = std::string(32, 'a');
  Greeting member = founder;
  member.self = "d";
  const auto lets_in = [&] {
    const wire::Frame frame{hello_version, wire::FrameType::hello, member.hello_to("a")};
    return founder.check(frame, "d").ok();
  };
  CHECK(lets_in());
  for (const std::string& id : {std::string(32, 'b'), std::string()}) {
    member.group_id = id;
    CHECK_FALSE(lets_in());
    mutants::removed = "members_are_of_this_group";
    CHECK(lets_in());
    mutants::removed.clear();
  }
}

TEST_CASE("founders_are_of_one_group: a list that differs counts for nothing once both know their group") {
  Greeting one;
  one.self = "a";
  one.level = one.knows = 2;
  one.founders = {"a", "b"};
  one.group_id = std::string(32, 'a');
  one.peers = "a=10.0.0.1:1,b=10.0.0.2:1";
  Greeting other = one;
  other.self = "b";
  other.peers = "a=10.0.0.1:1,b=10.0.0.9:1";
  other.group = {1};
  const auto lets_in = [&] {
    const wire::Frame frame{hello_version, wire::FrameType::hello, other.hello_to("a")};
    return one.check(frame, "b").ok();
  };
  CHECK(lets_in());
  other.group_id.clear();  // it has a list and nothing else
  CHECK_FALSE(lets_in());
  one.group_id.clear();
  CHECK_FALSE(lets_in());
  one.group_id = std::string(32, 'a');
  other.group_id = std::string(32, 'b');
  other.group = one.group;
  CHECK_FALSE(lets_in());
  mutants::removed = "founders_are_of_one_group";
  CHECK(lets_in());
  mutants::removed.clear();
}

namespace {

// One founder, and another that is on `disk`.
struct TwoFounders {
  TwoFounders() {
    one.self = "a";
    one.level = one.knows = 2;
    one.founders = {"a", "b"};
    one.group_id = std::string(32, 'a');
    one.node = Roster::founding_id("a");
    one.nodes = {{"a", one.node}, {"b", Roster::founding_id("b")}};
    other = one;
    other.self = "b";
    other.node = Roster::founding_id("b");
  }
  Result<wire::PeerHello> heard() const {
    return one.check({hello_version, wire::FrameType::hello, other.hello_to("a")}, "b");
  }
  Greeting one, other;
};

}  // namespace

TEST_CASE("name_is_of_one_disk: what another number says under a name is not taken for that name's") {
  TwoFounders two;
  CHECK(two.heard().ok());
  two.other.node = NodeId{77};
  const auto heard = two.heard();
  REQUIRE_FALSE(heard.ok());
  CHECK(heard.error().what.find("on another disk") != std::string::npos);
  mutants::removed = "name_is_of_one_disk";
  CHECK(two.heard().ok());
  mutants::removed.clear();
  two.one.nodes["b"] = NodeId{77};
  CHECK(two.heard().ok());
  two.other.node = {};  // an earlier release tells none
  CHECK(two.heard().ok());
}

TEST_CASE("retired_disk_is_refused: and it is told so, by whoever knows") {
  TwoFounders two;
  two.one.nodes.erase("b");
  two.one.retired = {two.other.node};
  const auto heard = two.heard();
  REQUIRE_FALSE(heard.ok());
  CHECK(heard.error().what.find("refused for ever") != std::string::npos);
  mutants::removed = "retired_disk_is_refused";
  CHECK(two.heard().ok());
  mutants::removed.clear();
  std::string told;
  two.other.told_retired = [&](const std::string& by) { told = by; };
  const wire::Frame hello{hello_version, wire::FrameType::hello, two.one.hello_to("b")};
  CHECK_FALSE(two.other.check(hello, "a").ok());
  CHECK(told == "a");
  // Of the former group, which was founded anew with new disks: its word counts for nothing.
  told.clear();
  two.other.founding = two.other.group_id = std::string(32, 'f');
  CHECK_FALSE(two.other.check(hello, "a").ok());
  CHECK(told.empty());
  mutants::removed = "retired_by_own_group";
  CHECK_FALSE(two.other.check(hello, "a").ok());
  CHECK(told == "a");
  mutants::removed.clear();
  two.other.founding.clear();
  two.other.group_id = two.one.group_id;
  two.other.node = NodeId{77};  // who has its place
  told.clear();
  CHECK(two.other.check(hello, "a").ok());
  CHECK(told.empty());
}

TEST_CASE("the lost disk of a host that came later is told so, too, when it has said its number") {
  TwoFounders two;
  two.other.node = NodeId{77};
  two.one.retired = {NodeId{77}};
  std::string told;
  two.other.told_retired = [&](const std::string& by) { told = by; };
  const auto hear = [&](NodeId said) {
    const wire::Frame hello{hello_version, wire::FrameType::hello, two.one.hello_to("b", said)};
    return two.other.check(hello, "a").ok();
  };
  CHECK(hear({}));
  CHECK(told.empty());
  const auto said = Greeting::read({hello_version, wire::FrameType::hello, two.other.hello_to("a")});
  REQUIRE(said.ok());
  CHECK_FALSE(hear(said->node));
  CHECK(told == "a");
  told.clear();
  two.other.node = NodeId{78};  // the disk that has its place
  CHECK(hear(two.other.node));
  CHECK(told.empty());
}
