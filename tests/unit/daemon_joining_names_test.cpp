// SPDX-License-Identifier: MIT
// A host comes to a group under a name that another one has: who lives keeps it. Each rule is removed once.
#include "daemon_joining_world.hpp"

using namespace joining_test;
using namespace std::chrono_literals;

TEST_CASE("a name that lives elsewhere is refused with both addresses, and of one that is gone it is taken") {
  World world;
  REQUIRE(world.roster.admit({NodeId{50}, "delta", {"10.0.0.8", 7411}}).ok());
  world.lives["10.0.0.8:7411"] = "delta";
  const Status refused = world.run();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().kind == ErrorKind::usage);
  CHECK(refused.error().text().find("10.0.0.8:7411") != std::string::npos);
  CHECK(refused.error().text().find("10.0.0.4:7411") != std::string::npos);
  world.lives["10.0.0.8:7411"] = "epsilon";  // that host is another one now
  CHECK(world.run().ok());
  CHECK(world.machine.state().registrations.at(world.settings.node).name == "delta");
}

TEST_CASE("a name that lives for the group is not taken because its owner does not answer here") {
  const auto former = [](World& world) {
    REQUIRE(world.roster.admit({NodeId{50}, "delta", {"10.0.0.8", 7411}}).ok());
    world.machine.apply(LogIndex{++world.last},
                        {.body = service::Register{NodeId{50}, 3, {}, 2, "delta", "10.0.0.8:7411"}});
    world.is_alive = NodeId{50};
  };
  World world;
  former(world);
  const Status refused = world.run();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().kind == ErrorKind::usage);
  CHECK(refused.error().text().find("10.0.0.8:7411") != std::string::npos);
  CHECK(refused.error().text().find("10.0.0.4:7411") != std::string::npos);
  CHECK(world.machine.state().registrations.at(NodeId{50}).name == "delta");
  // It is dead for the group, too, a moment later.
  World later;
  former(later);
  later.on_wait = [&] {
    if (later.waits == 3) later.is_alive = {};
  };
  REQUIRE(later.run().ok());
  CHECK(later.waits >= 3);
  CHECK(later.machine.state().registrations.at(later.settings.node).name == "delta");
  // Its disk was replaced: this is its place.
  World here;
  REQUIRE(here.roster.admit({NodeId{50}, "delta", {"10.0.0.4", 7411}}).ok());
  here.is_alive = NodeId{50};
  REQUIRE(here.run().ok());
  CHECK(here.waits == 1);  // until it is admitted
}

TEST_CASE("a host of the group whose name lives elsewhere asks for it for a while, and ends then") {
  World world;
  REQUIRE(world.run().ok());
  const NodeId node = world.settings.node;
  const LogIndex named = world.machine.state().registrations.at(node).named;
  world.machine.apply(LogIndex{++world.last},
                      {.body = service::Register{NodeId{50}, 3, {}, 2, "delta", "10.0.0.8:7411", named}});
  world.roster.remove(node);
  REQUIRE(world.roster.admit({NodeId{50}, "delta", {"10.0.0.8", 7411}}).ok());
  world.is_alive = NodeId{50};
  int rounds = 0;
  auto answer = world.again();
  for (; answer.ok() && rounds < 100; ++rounds) answer = world.again();
  REQUIRE_FALSE(answer.ok());
  CHECK(answer.error().kind == ErrorKind::usage);
  CHECK(rounds == 50);
  CHECK(world.machine.state().registrations.at(NodeId{50}).name == "delta");
}

TEST_CASE("a round is one, however many are asked in it") {
  World world;
  world.settings.join = {{"10.0.0.1", 7411}, {"10.0.0.1", 7411}, {"10.0.0.1", 7411}};
  REQUIRE(world.roster.admit({NodeId{50}, "delta", {"10.0.0.8", 7411}}).ok());
  world.is_alive = NodeId{50};
  CHECK_FALSE(world.run().ok());
  CHECK(world.waits == 50);
}

TEST_CASE("living_name_is_not_taken: whoever asks for it") {
  World world;
  REQUIRE(world.roster.admit({NodeId{50}, "delta", {"10.0.0.8", 7411}}).ok());
  world.is_alive = NodeId{50};
  const auto admits = [&](const std::string& address) {
    const wire::IntroductionQuestion question{"delta", NodeId{12}, 9, address, group, 2, true};
    const auto told = introduce({"alpha",
                                 5,
                                 group,
                                 true,
                                 true,
                                 world.roster,
                                 world.machine,
                                 {},
                                 [](NodeId) { return false; },
                                 [&](NodeId node) { return node == world.is_alive; }},
                                question, "10.0.0.9");
    return told.admit.has_value();
  };
  CHECK_FALSE(admits("10.0.0.9:7411"));
  CHECK(admits("10.0.0.8:7411"));
  const Without rule("living_name_is_not_taken");
  CHECK(admits("10.0.0.9:7411"));
}
