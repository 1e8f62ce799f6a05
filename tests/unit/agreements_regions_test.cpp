// SPDX-License-Identifier: MIT
// Names that are entered by a classical algorithm, at the parts of several peers.
#include <catch2/catch.hpp>

#include "agreements_group.hpp"
#include "base/random.hpp"

using namespace coord;
using namespace coord::agreements;
using namespace coord::agreements::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* algorithms[] = {"ricart-agrawala", "lamport", "maekawa", "token-ring", "suzuki-kasami"};

const Entered* entered(Network& net, std::uint64_t node) {
  auto& told = net.told[NodeId{node}];
  return told.empty() ? nullptr : std::get_if<Entered>(&told.back());
}

}  // namespace

TEST_CASE("each algorithm lets in one at a time, all in the end, with tokens that rise") {
  for (const char* algorithm : algorithms) {
    const bool is_ring = std::string_view(algorithm) == "token-ring";
    for (std::uint64_t sites = is_ring ? 2 : 1; sites <= 5; ++sites) {
      INFO(algorithm << " " << sites);
      Network net(sites);
      net.open(algorithm, sites, true);
      Random random(sites);
      std::map<std::uint64_t, std::size_t> seen;  // answers that were looked at, by node
      std::uint64_t last_session = 0, waiting = 0, rounds = 0;
      std::optional<std::uint64_t> inside;
      Token last{};
      for (; rounds < 400 && (rounds < 60 || waiting > 0 || inside); ++rounds) {
        if (rounds < 60 && random.chance(0.5)) {
          net.enter(1 + random.below(sites), ++last_session);
          ++waiting;
        }
        net.run(std::chrono::milliseconds(random.below(20)));
        for (std::uint64_t node = 1; node <= sites; ++node) {
          auto& told = net.told[NodeId{node}];
          for (std::size_t& i = seen[node]; i < told.size(); ++i) {
            const auto* in = std::get_if<Entered>(&told[i]);
            if (in == nullptr) continue;
            REQUIRE_FALSE(inside);
            REQUIRE(in->token > last);
            last = in->token;
            inside = node;
            --waiting;
          }
        }
        if (inside && random.chance(0.5)) {
          // Who it was: the only one that is inside at that node took part first.
          inside.reset();
          net.leave_inside();
        }
      }
      CHECK(waiting == 0);
      CHECK(last_session > 10);
    }
  }
}

TEST_CASE("ricart-agrawala: an entry costs 2(N-1) messages and two delays, which are told") {
  Network net(3);
  net.open("ricart-agrawala", 3, true);
  net.enter(1, 10);
  net.run(100ms);
  REQUIRE(entered(net, 1) != nullptr);
  CHECK(entered(net, 1)->messages == std::map<std::string, std::uint64_t>{{"request", 2}, {"reply", 2}});
  CHECK(entered(net, 1)->delays == 2);
  CHECK(entered(net, 1)->epoch == generation);
  CHECK(entered(net, 1)->token > generation);
  CHECK(entered(net, 1)->hosts.size() == 3);
}

TEST_CASE("a tool that is gone is inside as long as it takes part") {
  Network net(3);
  net.open("ricart-agrawala", 3, true);
  net.enter(1, 10);
  net.run(100ms);
  net.enter(2, 20);
  net.step(NodeId{1}, node::ToolGone{replica::ConnectionId{10}});
  net.run(1s);
  CHECK(entered(net, 2) == nullptr);
  net.leave(10);
  net.run(100ms);
  CHECK(entered(net, 2) != nullptr);
}

TEST_CASE("one that is gone before it entered holds up nobody") {
  Network net(3);
  net.open("ricart-agrawala", 3, true);
  net.enter(1, 10);
  net.run(100ms);
  net.enter(2, 20);
  net.enter(3, 30);
  net.run(10ms);
  net.step(NodeId{2}, node::ToolGone{replica::ConnectionId{20}});
  net.leave(10);
  net.run(100ms);
  CHECK(entered(net, 2) == nullptr);
  CHECK(entered(net, 3) != nullptr);
}

TEST_CASE("tools of one host enter one after the other, and one that asks again is told again") {
  Network net(2);
  net.open("ricart-agrawala", 2, true);
  net.enter(1, 10);
  net.enter(1, 11);
  net.run(100ms);
  CHECK(net.told[NodeId{1}].size() == 2);  // the sites, and the first
  net.enter(1, 10);
  CHECK(net.told[NodeId{1}].size() == 3);
  net.leave(10);
  net.run(100ms);
  CHECK(net.told[NodeId{1}].size() == 4);
  CHECK(entered(net, 1) != nullptr);
}

TEST_CASE("who waits is told which site was restarted, or does not answer") {
  Network net(3);
  net.open("ricart-agrawala", 3, true);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    for (auto& site : net.log[NodeId{i}].known->sites) site.host = "web" + std::to_string(site.node.value);
  }
  SECTION("restarted") {
    net.start(NodeId{2});
    net.enter(1, 10);
    net.run(3s);
    CHECK(net.last_told(1) == "missing: web2 was restarted");
    net.enter(2, 20);
    CHECK(net.last_told(2) == "missing: this host's peer was restarted");
  }
  SECTION("cut off") {
    net.cut = {NodeId{3}};
    net.enter(1, 10);
    net.run(1s);
    CHECK(net.last_told(1) == "sites");
    net.run(3s);
    CHECK(net.last_told(1) == "missing: web3 does not answer");
  }
  SECTION("inside, and slow: it answers") {
    net.enter(3, 30);
    net.run(100ms);
    net.enter(1, 10);
    net.run(30s);
    CHECK(net.last_told(1) == "sites");
  }
}

TEST_CASE("a host that came later is no site of the epoch, and an epoch that is over is") {
  Network net(3);
  net.open("maekawa", 2, true);
  net.enter(3, 30);
  CHECK(net.last_told(3) == "missing: this host is no site of it yet");
  net.enter(1, 10);
  net.run(100ms);
  net.enter(1, 11);
  net.forget();
  CHECK(net.last_told(1) == "missing: its epoch is over");
}

TEST_CASE("where an algorithm needs more sites it says so") {
  Network net(1);
  net.open("token-ring", 1, true);
  net.enter(1, 10);
  CHECK(net.last_told(1) == "wrong");
}

TEST_CASE("only who takes part may enter") {
  Network net(1);
  net.open("ricart-agrawala", 1, true);
  net.ask(NodeId{1}, Enter{SessionId{99}, 1});
  CHECK(net.last_told(1) == "wrong");
}

TEST_CASE("sites of an epoch are those that answer now") {
  Network net(3);
  net.open("ricart-agrawala", 3, true);
  net.cut = {NodeId{2}};
  net.ask(NodeId{1}, GetSites{true});
  net.run(600ms);
  const auto sites = std::get<Sites>(net.told[NodeId{1}].back()).sites;
  REQUIRE(sites.size() == 2);
  CHECK(sites[1].node == NodeId{3});
}
