// SPDX-License-Identifier: MIT
// Who asks to enter before the log lets him take part: the algorithm runs meanwhile.
#include <catch2/catch.hpp>

#include "agreements_group.hpp"
#include "base/rule.hpp"

using namespace coord;
using namespace coord::agreements;
using namespace coord::agreements::test;
using namespace std::chrono_literals;

namespace {

bool is_in(Network& net, std::uint64_t node) {
  return net.last_told(node) == "entered";
}

Network of_three() {
  Network net(3);
  net.open("ricart-agrawala", 3, true);
  net.look();
  return net;
}

// It was told of a turn, which passed on, and has another one, of which it has not heard.
bool an_older_turn_begins_nothing() {
  Network net(2);
  net.open("ricart-agrawala", 2, true);
  net.stopped = {10};
  net.enter(1, 10);
  net.run(100ms);
  const Token first = std::get<Entered>(net.told[NodeId{1}].back()).token;
  net.enter(2, 20);
  net.run(4s);
  net.leave(20);
  net.run(100ms);
  net.enter(1, 10);
  net.run(100ms);
  const auto* second = std::get_if<Entered>(&net.told[NodeId{1}].back());
  if (second == nullptr || second->token <= first) return false;
  const std::size_t begun = net.begun;
  net.ask_as(1, 10, Begin{SessionId{10}, 1, first});
  if (net.begun != begun) return false;
  net.ask_as(1, 10, Begin{SessionId{10}, 1, second->token});
  return net.begun == begun + 1;
}

}  // namespace

TEST_CASE("who asks ahead enters when the log lets him take part, and not before, by each algorithm") {
  for (const char* algorithm : {"ricart-agrawala", "lamport", "maekawa", "token-ring", "suzuki-kasami"}) {
    INFO(algorithm);
    Network net(3);
    net.open(algorithm, 3, true);
    net.look();
    net.enter_ahead(1, 10);
    net.run(1s);
    CHECK_FALSE(is_in(net, 1));
    CHECK_FALSE(net.parts[NodeId{1}]->inside(generation));
    net.on_way.clear();
    net.cut = {NodeId{1}, NodeId{2}, NodeId{3}};  // no message more is needed
    net.take_part(10);
    CHECK(is_in(net, 1));
    CHECK(net.parts[NodeId{1}]->inside(generation) == SessionId{10});
    CHECK(net.begun == 1);
  }
}

TEST_CASE("an entry that was asked for ahead costs what any other one does") {
  Network net = of_three();
  net.enter_ahead(1, 10);
  net.run(500ms);
  net.enter(2, 20);
  net.run(500ms);
  net.take_part(10);
  REQUIRE(is_in(net, 1));
  const Entered& in = std::get<Entered>(net.told[NodeId{1}].back());
  CHECK(in.messages == std::map<std::string, std::uint64_t>{{"request", 2}, {"reply", 2}});
  CHECK(in.delays == 2);
  net.leave(10);
  net.run(100ms);
  CHECK(is_in(net, 2));
}

TEST_CASE("a turn that came ahead and that nobody uses passes on") {
  Network net = of_three();
  net.enter_ahead(1, 10);
  net.run(500ms);
  net.enter(2, 20);
  SECTION("after a while") {
    net.run(1s);
    CHECK_FALSE(is_in(net, 2));
    net.run(1s);
    CHECK(is_in(net, 2));
    net.take_part(10);
    CHECK_FALSE(is_in(net, 1));  // it says Enter
    net.enter(1, 10);
    net.leave(20);
    net.run(100ms);
    CHECK(is_in(net, 1));
  }
  SECTION("its tool is gone") {
    net.gone(1, 10);
    net.run(100ms);
    CHECK(is_in(net, 2));
  }
  SECTION("another tool's end changes nothing") {
    net.gone(1, 11);
    net.run(100ms);
    CHECK_FALSE(is_in(net, 2));
  }
}

TEST_CASE("a wish ahead whose turn has not come is taken back with its tool") {
  Network net = of_three();
  net.enter(2, 20);
  net.run(100ms);
  net.enter_ahead(1, 10);
  net.run(100ms);
  net.gone(1, 10);
  net.enter(3, 30);
  net.leave(20);
  net.run(100ms);
  CHECK(is_in(net, 3));
  CHECK_FALSE(is_in(net, 1));
}

TEST_CASE("a turn that came ahead is its host's: the first who takes part there uses it") {
  Network net = of_three();
  net.enter_ahead(1, 10);
  net.run(100ms);
  net.enter(1, 11);
  CHECK(net.parts[NodeId{1}]->inside(generation) == SessionId{11});
  net.take_part(10);
  CHECK(net.parts[NodeId{1}]->inside(generation) == SessionId{11});
  net.leave(11);
  net.run(100ms);
  CHECK(net.parts[NodeId{1}]->inside(generation) == SessionId{10});
  CHECK(net.begun == 2);
}

TEST_CASE("who is not to wait is told that another one comes") {
  Network net = of_three();
  net.enter_ahead(1, 10);
  net.enter(1, 11, true);
  CHECK(net.last_told(1) == "busy");
  net.enter(2, 20, true);
  net.run(100ms);
  CHECK(net.last_told(2) == "busy");
}

TEST_CASE("where others of the host are in line, and of a name without an epoch, nothing is done ahead") {
  Network net = of_three();
  net.enter(1, 10);
  net.run(100ms);
  net.enter_ahead(1, 11);
  net.leave(10);
  net.enter(2, 20);
  net.run(100ms);
  CHECK(is_in(net, 2));
  net.ask_as(3, 30, EnterAhead{"another", 1, {}});
  net.leave(20);
  net.enter(1, 12);
  net.run(100ms);
  CHECK(net.parts[NodeId{1}]->inside(generation) == SessionId{12});
}

TEST_CASE("who asks ahead where a site is missing is told so when he says that he enters") {
  Network net = of_three();
  net.cut = {NodeId{3}};
  net.enter_ahead(1, 10);
  net.run(1500ms);
  net.take_part(10);
  net.enter(1, 10);
  net.run(4s);
  CHECK(net.last_told(1).starts_with("missing: "));
}

TEST_CASE("only whoever may use the name asks ahead") {
  Network net = of_three();
  for (auto& [node, state] : net.log) state.known->name = "@alice/plan";
  net.step(NodeId{1}, node::FromTool{replica::ConnectionId{10},
                                     {1001, "bob", {}, 2},
                                     1,
                                     wire::encode(FromTool(EnterAhead{"@alice/plan", 1, {}}), 2)});
  CHECK(net.last_told(1) == "wrong");
  net.enter(2, 20);
  net.run(100ms);
  CHECK(is_in(net, 2));
}

TEST_CASE("who begins under the token of a turn that has passed on begins nothing") {
  CHECK(an_older_turn_begins_nothing());
  mutants::removed = "who_begins_has_this_turn";
  CHECK_FALSE(an_older_turn_begins_nothing());
  mutants::removed.clear();
}
