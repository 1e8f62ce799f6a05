// SPDX-License-Identifier: MIT
// The Byzantine generals: with three, with four, and every lie that one traitor among four can tell.
#include "classical_play.hpp"
#include "protocol/consensus/generals.hpp"

using namespace coord;
using namespace std::chrono_literals;
using consensus::Generals;
using consensus::Value;

namespace {

Generals::Config among(std::size_t nodes, std::uint64_t self, std::size_t traitors) {
  Generals::Config config;
  config.group = Group::numbered(NodeId{self}, nodes);
  config.commander = NodeId{1};
  config.traitors = traitors;
  return config;
}

// One run in lock step. What the traitor says, to whom, the n-th time, is `lie`.
std::map<NodeId, Value> decisions(std::size_t nodes, NodeId traitor, bool too_few,
                                  const std::function<Value(std::size_t nth)>& lie) {
  std::map<NodeId, Generals> all;
  for (std::size_t i = 1; i <= nodes; ++i) {
    auto config = among(nodes, i, 1);
    config.too_few = too_few;
    all.emplace(NodeId{i}, Generals(config));
  }
  std::size_t said = 0;
  for (int round = 0; round <= 2; ++round) {
    std::vector<std::pair<NodeId, Generals::Send>> sent;
    for (auto& [id, general] : all) {
      const Generals::Event event =
          round == 0 ? Generals::Event(Generals::Begin{"attack"}) : Generals::Event(Generals::Tick{});
      for (auto& action : general.step(Instant{} + round * 100ms, event)) {
        if (auto* send = std::get_if<Generals::Send>(&action)) sent.emplace_back(id, *send);
      }
    }
    for (auto& [from, send] : sent) {
      auto order = std::get<Generals::Order>(send.message);
      if (from == traitor) order.value = lie(said++);
      static_cast<void>(
          all.at(send.to).step(Instant{} + round * 100ms + 1ms, Generals::Receive{from, order}));
    }
  }
  std::map<NodeId, Value> decided;
  for (const auto& [id, general] : all) {
    if (id != traitor && id != NodeId{1}) decided[id] = general.decided().value_or("nothing");
  }
  return decided;
}

}  // namespace

TEST_CASE("four generals, one traitor: every lie that he can tell leaves the loyal ones agreed") {
  int runs = 0;
  for (std::uint64_t traitor = 1; traitor <= 4; ++traitor) {
    for (unsigned lies = 0; lies < 8; ++lies) {  // he speaks three times, or twice
      const auto decided = decisions(4, NodeId{traitor}, false, [&](std::size_t nth) -> Value {
        return (lies >> nth & 1U) != 0 ? "attack" : "retreat";
      });
      for (const auto& [id, value] : decided) {
        CHECK(value == decided.begin()->second);
        if (traitor != 1) CHECK(value == "attack");
      }
      ++runs;
    }
  }
  CHECK(runs == 32);
}

TEST_CASE("three generals, one traitor: refused, where it is tried all the same, a loyal one disobeys") {
  const auto status = Generals::check(among(3, 1, 1));
  REQUIRE_FALSE(status);
  CHECK(status.error().text() == "3 generals: cannot agree with 1 traitors among them: take more than 3");
  const auto decided = decisions(3, NodeId{3}, true, [](std::size_t) -> Value { return "retreat"; });
  CHECK(decided.at(NodeId{2}) == "retreat");  // the loyal commander said attack
}

TEST_CASE("oral messages: counts for (4,1), (7,2), (10,3), (13,4)") {
  CHECK(Generals::messages(4, 1) == 9);
  CHECK(Generals::messages(7, 2) == 156);
  CHECK(Generals::messages(10, 3) == 3609);
  CHECK(Generals::messages(13, 4) == 108384);
  CHECK_FALSE(Generals::check(among(40, 1, 5)));
}

TEST_CASE("oral messages: what cannot have come about is not heard") {
  Generals lieutenant(among(4, 2, 1));
  static_cast<void>(lieutenant.step(Instant{}, Generals::Begin{}));
  const auto hear = [&](std::uint64_t from, Generals::Path path) {
    static_cast<void>(
        lieutenant.step(Instant{}, Generals::Receive{NodeId{from}, Generals::Order{path, "attack"}}));
  };
  const NodeId one{1}, two{2}, three{3}, four{4};
  hear(3, {one});              // not its own words
  hear(3, {three});            // not the commander's order
  hear(3, {one, two, three});  // through us
  hear(3, {one, three, three});
  hear(3, {one, four, three});  // longer than m+1
  hear(3, {});
  hear(9, {one, NodeId{9}});
  CHECK(lieutenant.heard().empty());
  hear(3, {one, three});
  CHECK(lieutenant.heard().size() == 1);
}

TEST_CASE("oral messages: a silent commander is followed by the default") {
  const auto* protocol = catalogue::find("oral-messages");
  auto setup = play::quiet(4);
  setup.asks = {{Instant{}, NodeId{1}, {}}};
  setup.byzantine[NodeId{1}] = "silent";
  sim::Trace trace;
  setup.trace = &trace;
  const auto report = protocol->run(setup);
  CHECK(report.violations.empty());
  CHECK(trace.text().find("4 - decides to retreat") != std::string::npos);
}
