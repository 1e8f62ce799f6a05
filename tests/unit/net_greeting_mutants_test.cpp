// SPDX-License-Identifier: MIT
// Whom a peer greets as one of its group.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "net/greeting.hpp"
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
