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

TEST_CASE("delays count from the wish where nobody is inside, else from the last one's leaving") {
  struct Theory {
    const char* algorithm;
    std::uint32_t from_wish, from_exit;
  };
  for (const auto& [algorithm, from_wish, from_exit] :
       {Theory{"ricart-agrawala", 2, 1}, Theory{"lamport", 2, 1}, Theory{"maekawa", 2, 2},
        Theory{"suzuki-kasami", 2, 1}}) {
    INFO(algorithm);
    Network net(7);
    net.open(algorithm, 7, true);
    std::uint64_t session = 10;
    for (std::uint64_t node : {3, 1, 7, 5, 1, 4}) {
      net.enter(node, ++session);
      net.run(1s);
      REQUIRE(entered(net, node) != nullptr);
      CHECK(entered(net, node)->delays == from_wish);
      CHECK_FALSE(entered(net, node)->from_exit);
      net.leave(session);
      net.run(1s);
    }
    net.enter(2, ++session);
    net.run(1s);
    net.enter(5, session + 1);
    net.run(1s);
    net.leave(session);
    net.run(1s);
    REQUIRE(entered(net, 5) != nullptr);
    CHECK(entered(net, 5)->token > entered(net, 2)->token);
    CHECK(entered(net, 5)->from_exit);
    // By maekawa one less where one of both is the arbiter.
    const bool is_maekawa = std::string_view(algorithm) == "maekawa";
    CHECK((entered(net, 5)->delays == from_exit || is_maekawa));
  }
}

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
      for (; rounds < 2'000 && (rounds < 60 || waiting > 0 || inside); ++rounds) {
        if (rounds < 60 && random.chance(0.5)) {
          const std::uint64_t node = 1 + random.below(sites);
          const bool is_ahead = random.chance(0.5), comes = !is_ahead || random.chance(0.7);
          ++last_session;
          if (is_ahead) net.enter_ahead(node, last_session);
          if (is_ahead) net.run(std::chrono::milliseconds(random.below(10)));
          if (comes) net.enter(node, last_session);
          if (!comes && random.chance(0.5)) net.gone(node, last_session);
          waiting += comes ? 1 : 0;
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

TEST_CASE("who takes part only at the last site gets in, by each algorithm") {
  for (const char* algorithm : algorithms) {
    INFO(algorithm);
    Network net(3);
    net.open(algorithm, 3, true);
    for (std::uint64_t node = 1; node <= 3; ++node) net.step(NodeId{node}, node::Tick{});  // the log goes on
    net.enter(3, 30);
    net.run(1s);
    CHECK(net.last_told(3) == "entered");
  }
}

TEST_CASE("a host that has given up waiting once gets in the next time, by each algorithm") {
  for (const char* algorithm : algorithms) {
    for (const bool gone : {false, true}) {
      INFO(algorithm << " " << gone);
      Network net(3);
      net.open(algorithm, 3, true);
      net.enter(1, 10);
      net.run(1s);
      REQUIRE(net.last_told(1) == "entered");
      for (std::uint64_t session = 20; session < 23; ++session) {
        net.enter(2, session);
        net.run(100ms);
        if (gone) {
          net.gone(2, session);
        } else {
          net.ask_as(2, session, Withdraw{SessionId{session}, 1});
          CHECK(net.last_told(2) == "withdrawn");
        }
        net.run(100ms);
      }
      net.enter(2, 23);
      net.run(100ms);
      net.leave(10);
      net.run(1s);
      CHECK(net.last_told(2) == "entered");
      net.enter(3, 30);
      net.run(100ms);
      CHECK(net.last_told(3).empty());
      net.leave(23);
      net.run(1s);
      CHECK(net.last_told(3) == "entered");
    }
  }
}

TEST_CASE("who does not say that it begins lets the next one in, and is told so when it goes on") {
  Network net(2);
  net.open("ricart-agrawala", 2, true);
  net.stopped = {10};
  net.enter(1, 10);
  net.run(100ms);
  REQUIRE(net.last_told(1) == "entered");
  net.enter(2, 20);
  net.run(1s);
  CHECK(net.last_told(2).empty());
  net.run(2s);
  CHECK(net.last_told(2) == "entered");
  net.stopped.clear();
  net.ask_as(1, 10, Begin{SessionId{10}, 1});
  CHECK(std::holds_alternative<PassedOn>(net.told[NodeId{1}].back()));
  net.enter(1, 10);
  const std::size_t told = net.told[NodeId{1}].size();
  net.run(3s);
  CHECK(net.told[NodeId{1}].size() == told);  // it waits
  net.leave(20);
  net.run(100ms);
  CHECK(net.told[NodeId{1}].size() == told + 1);
  CHECK(net.last_told(1) == "entered");
  net.run(10s);
  CHECK(net.parts[NodeId{1}]->inside(generation) == SessionId{10});
}

TEST_CASE("a peer that is behind tells who waits that it was restarted, and others' sessions nothing") {
  Network net(2);
  net.open("ricart-agrawala", 2, true);
  net.log[NodeId{2}].behind = true;
  net.enter(2, 20);
  CHECK(net.last_told(2) == "missing: this host's peer was restarted");
  CHECK(std::get<Missing>(net.told[NodeId{2}].back()).epoch == Token{});
  net.step(NodeId{2}, node::FromTool{replica::ConnectionId{21},
                                     {1001, "bob", {}, 2},
                                     1,
                                     wire::encode(FromTool(Enter{SessionId{20}, 1}), 2)});
  CHECK(net.last_told(2) == "wrong");
}

TEST_CASE("who gives up without a majority is told so") {
  Network net(2);
  net.open("ricart-agrawala", 2, true);
  net.log[NodeId{1}].quorum = false;
  net.cut = {NodeId{2}};
  net.enter(1, 10);
  net.ask_as(1, 10, Withdraw{SessionId{10}, 1});
  CHECK(net.last_told(1) == "withdrawn, no quorum");
}

TEST_CASE("sites that this peer does not know are spoken to by nobody") {
  Network net(2);
  net.open("ricart-agrawala", 2, true);
  for (auto& [node, state] : net.log) state.known->sites.push_back({NodeId{99}, 1, 1, "nobody"});
  net.enter(1, 10);
  CHECK(net.last_told(1) == "missing: it names a host that this peer does not know");
  for (auto& [node, state] : net.log) state.known->region = false;
  for (auto& [node, state] : net.log) state.known->algorithm = "paxos";
  net.ask(NodeId{1}, GetDecided{generation});
  net.propose(1, "one");
  CHECK(std::ranges::none_of(net.on_way, [](const auto& carried) { return carried.to == NodeId{99}; }));
}

TEST_CASE("what came before the log did is taken before what comes after") {
  Network net(2);
  net.open("lamport", 2, true);
  net.log[NodeId{2}].behind = true;
  net.enter(1, 10);
  net.run(10ms);
  net.log[NodeId{2}].behind = false;  // the log goes on, and in the same step...
  net.gone(1, 10);                    // ... it hears that the wish is withdrawn
  net.run(10ms);
  net.enter(2, 20);
  net.run(100ms);
  CHECK(net.last_told(2) == "entered");
}

TEST_CASE("who has lost a message of an epoch serves it no more, and all who wait hear of it") {
  Network net(3);
  net.open("lamport", 3, true);
  SECTION("before its log had come to it") {
    net.log[NodeId{2}].behind = true;
    for (std::uint64_t session = 100; session < 2'300; ++session) {
      net.enter(1, session);
      net.gone(1, session);
      net.run(0ms, [&] { return net.on_way.empty(); });
    }
    net.log[NodeId{2}].behind = false;
    net.enter(3, 30);
    net.run(100ms);
    CHECK(net.last_told(3) == "missing: 2 has missed messages");
    net.enter(2, 20);
    CHECK(net.last_told(2) == "missing: this host's peer has missed messages");
  }
  SECTION("for a site that takes none") {
    net.enter(1, 10);
    net.run(100ms);
    net.leave(10);
    net.cut = {NodeId{3}};
    for (std::uint64_t session = 100; session < 20'000 && !net.last_told(1).starts_with("missing");
         ++session) {
      net.enter(1, session);
      net.gone(1, session);
      net.run(0ms, [&] { return net.on_way.empty(); });
    }
    CHECK(net.last_told(1) == "missing: 3 has taken no messages for long");
    net.cut.clear();
    net.enter(3, 30);
    net.run(5s);
    CHECK(net.last_told(3) == "missing: 1 has missed messages");
  }
  net.enter(1, 11);
  CHECK(net.last_told(1).ends_with(net.last_told(2).starts_with("missing") ? "2 has missed messages"
                                                                           : "no messages for long"));
}

TEST_CASE("a tool that asks many things at once is told to wait") {
  Network net(3);
  net.cut = {NodeId{2}, NodeId{3}};
  for (int i = 0; i < 20; ++i) net.ask(NodeId{1}, GetSites{true});
  CHECK(net.last_told(1) == "wrong");
  net.run(1s);
  CHECK(net.told[NodeId{1}].size() == 20);
}

TEST_CASE("who is not to wait is told that another one is inside, by each algorithm, and gets in after it") {
  for (const char* algorithm : algorithms) {
    INFO(algorithm);
    Network net(3);
    net.open(algorithm, 3, true);
    net.enter(1, 10, true);
    net.run(500ms);
    REQUIRE(net.last_told(1) == "entered");
    net.enter(2, 20, true);
    net.run(500ms);
    CHECK(net.last_told(2) == "busy");
    net.enter(1, 11, true);  // on the same host
    CHECK(net.last_told(1) == "busy");
    net.leave(10);
    net.run(500ms);
    net.enter(3, 30, true);
    net.run(500ms);
    CHECK(net.last_told(3) == "entered");
  }
}

TEST_CASE("where stamps order them one of several who are not to wait wins") {
  for (const char* algorithm : {"ricart-agrawala", "lamport"}) {
    INFO(algorithm);
    Network net(3);
    net.open(algorithm, 3, true);
    for (std::uint64_t node = 1; node <= 3; ++node) net.enter(node, node * 10, true);
    net.run(500ms);
    int in = 0, busy = 0;
    for (std::uint64_t node = 1; node <= 3; ++node) {
      in += net.last_told(node) == "entered" ? 1 : 0;
      busy += net.last_told(node) == "busy" ? 1 : 0;
    }
    CHECK(in == 1);
    CHECK(busy == 2);
  }
}

TEST_CASE("who is not to wait is told within a second which site does not answer") {
  Network net(3);
  net.open("ricart-agrawala", 3, true);
  net.cut = {NodeId{3}};
  net.enter(1, 10, true);
  net.run(1100ms);
  CHECK(net.last_told(1) == "no majority");
  CHECK(std::get<CannotTell>(net.told[NodeId{1}].back()).text == "no answer from 3");
  net.cut.clear();
  net.enter(2, 20);
  net.run(3s);
  CHECK(net.last_told(2) == "entered");
}

TEST_CASE("tokens that are used up: whoever waits goes on to the next epoch, and nobody is in the way") {
  Network net(3);
  net.open("suzuki-kasami", 3, true);
  for (auto& [node, state] : net.log) state.known->tokens = 3;  // two above the epoch's own
  for (const std::uint64_t node : {1, 2}) {
    net.enter(node, 10 * node);
    net.run(100ms);
    REQUIRE(entered(net, node) != nullptr);
    CHECK(entered(net, node)->token == Token{generation.value + node});
    net.leave(10 * node);
    net.run(100ms);
  }
  net.enter(3, 30);
  net.run(100ms);
  CHECK(net.last_told(3) == "missing: its tokens are used up");
}

TEST_CASE("questions whether others are busy are counted apart") {
  Network net(3);
  net.open("ricart-agrawala", 3, true);
  net.enter(1, 10, true);
  net.run(100ms);
  REQUIRE(entered(net, 1) != nullptr);
  CHECK(entered(net, 1)->messages.at("request") == 2);
  CHECK(entered(net, 1)->messages.at("reply") == 2);
  CHECK(entered(net, 1)->messages.at("is busy") == 2);
  CHECK(entered(net, 1)->delays == 2);
}

TEST_CASE("who waits behind one that was not to wait, and is gone, goes on waiting") {
  Network net(2);
  net.open("ricart-agrawala", 2, true);
  net.enter(2, 20);
  net.run(100ms);
  net.enter(1, 10, true);
  net.enter(1, 11);
  net.gone(1, 10);
  net.run(2s);
  CHECK(net.last_told(1) == "sites");
  net.leave(20);
  net.run(100ms);
  CHECK(net.last_told(1) == "entered");
}
