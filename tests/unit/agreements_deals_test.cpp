// SPDX-License-Identifier: MIT
// Transactions by two and three phases at the parts of several peers.
#include <catch2/catch.hpp>

#include "agreements_group.hpp"
#include "base/random.hpp"

using namespace coord;
using namespace coord::agreements;
using namespace coord::agreements::test;
using namespace std::chrono_literals;
using service::CommitBy;
using What = AskDeal::What;

namespace {

constexpr CommitBy both[] = {CommitBy::two_phase, CommitBy::three_phase};

// All three say yes, and one after the other `cuts` times is cut off for a while and started again. Stages
// that are decided: empty, one, or both.
std::set<std::string> outcomes(CommitBy by, std::uint64_t seed, int cuts, bool links_too) {
  Network net(3);
  net.open_deal(by, 50ms);
  Random random(seed);
  for (std::uint64_t node = 1; node <= 3; ++node) net.deal(node, random.chance(0.9) ? What::yes : What::no);
  for (int i = 0; i < cuts; ++i) {
    net.run(std::chrono::milliseconds(random.below(20)));
    const NodeId off{1 + random.below(3)};
    if (links_too) net.cut = {off};
    net.run(std::chrono::milliseconds(random.below(2'000)));
    net.cut.clear();
    net.start(off);
    net.deal(off.value, random.chance(0.8) ? What::yes : What::give_up);
  }
  net.run(10s);
  std::set<std::string> all;
  for (std::uint64_t node = 1; node <= 3; ++node) {
    net.deal(node, What::how_it_stands);
    const std::string is = net.last_told(node);
    if (is == "committed" || is == "aborted") all.insert(is);
  }
  return all;
}

}  // namespace

TEST_CASE(
    "a transaction by two or three phases commits when all can, with as many messages as its paper says") {
  for (const CommitBy by : both) {
    Network net(3);
    net.open_deal(by, 100ms);
    net.deal(1, What::yes);
    net.deal(2, What::yes);
    net.run(5s);
    CHECK(net.told.empty());  // 3 prepares yet, as long as it likes
    net.deal(3, What::yes);
    net.run(5s);
    CHECK(net.deals_told() == "committed, committed, committed");
    const auto& is = std::get<DealIs>(net.told[NodeId{2}].back());
    CHECK(is.messages.at("vote") == 1);
    CHECK(is.messages.size() == (by == CommitBy::two_phase ? 3 : 5));
    CHECK(is.delays == (by == CommitBy::two_phase ? 3 : 5));
  }
}

TEST_CASE("one no, or one that waits no longer, aborts at all") {
  for (const CommitBy by : both) {
    for (const What what : {What::no, What::give_up}) {
      Network net(3);
      net.open_deal(by, 100ms);
      net.deal(1, What::yes);
      net.deal(2, What::yes);
      net.run(1s);
      net.deal(3, what);
      net.run(5s);
      CHECK(net.deals_told() == "aborted, aborted, aborted");
    }
  }
}

TEST_CASE("two phases: without its coordinator who has voted yes waits, and says for whom") {
  Network net(3);
  net.open_deal(CommitBy::two_phase);
  net.deal(1, What::yes);
  net.deal(3, What::yes);
  net.run(1s);
  net.stalled = {NodeId{3}};  // its vote does not become durable
  net.deal(2, What::yes);
  net.run(1s);
  net.cut = {NodeId{1}};
  net.run(10s);
  CHECK(net.last_told(2).empty());
  net.deal(2, What::give_up);
  CHECK(net.last_told(2) == "voted");
  CHECK(std::get<DealIs>(net.told[NodeId{2}].back()).waits_for.front() == "host-a");
  SECTION("it is back, and has decided nothing: it presumes an abort") {
    net.cut.clear();
    net.stalled.clear();
    net.start(NodeId{1});
    net.run(10s);
    net.deal(2, What::how_it_stands);
    CHECK(net.last_told(2) == "aborted");
  }
  SECTION("who is started again still knows that it has voted") {
    net.start(NodeId{2});
    net.deal(2, What::give_up);
    CHECK(net.last_told(2) == "voted");
  }
}

TEST_CASE("three phases: without its coordinator the others settle it") {
  Network net(3);
  net.open_deal(CommitBy::three_phase, 100ms);
  net.deal(1, What::yes);
  net.deal(2, What::yes);
  net.deal(3, What::yes);
  net.run(1s, [&] { return net.log.empty() || net.shelves[NodeId{2}].kept.contains(generation); });
  net.cut = {NodeId{1}};
  net.run(20s);
  CHECK(net.last_told(2) == net.last_told(3));
  CHECK_FALSE(net.last_told(2).empty());
}

TEST_CASE("three phases: cut in two at the wrong moment, one side commits and the other aborts") {
  Network net(3);
  net.open_deal(CommitBy::three_phase, 100ms);
  for (std::uint64_t node = 1; node <= 3; ++node) net.deal(node, What::yes);
  // The coordinator has all votes: what it stores then is that all are told so.
  std::set<Bytes> stored;
  net.run(5s, [&] {
    const auto& kept = net.shelves[NodeId{1}].kept;
    if (kept.contains(generation) && kept.at(generation).records.contains("1/state"))
      stored.insert(kept.at(generation).records.at("1/state"));
    return stored.size() == 2;
  });
  net.cut = {NodeId{1}};
  net.run(20s);
  CHECK(net.deals_told() == "committed, aborted, aborted");
}

TEST_CASE("two phases: whoever is cut off and started again, nobody commits where another aborts") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    INFO(seed);
    CHECK(outcomes(CommitBy::two_phase, seed, 4, true).size() <= 1);
  }
}

TEST_CASE("two participants of one host, which coordinates, need no other one") {
  for (const CommitBy by : both) {
    Network net(1);
    net.open_deal(by, 100ms);
    auto& all = net.log[NodeId{1}].deal->participants;
    all.push_back({"b", 2, "root", all.front().site});
    net.deal(1, What::yes);
    net.run(2s);
    net.ask(NodeId{1}, AskDeal{generation, "b", 2, What::yes});
    net.run(2s);
    CHECK(net.told[NodeId{1}].size() == 2);
    CHECK(net.last_told(1) == "committed");
  }
}

TEST_CASE("a transaction that is forgotten is not kept, and who waits for it is told") {
  Network net(2);
  net.open_deal(CommitBy::two_phase);
  net.deal(1, What::yes);
  net.run(1s);
  net.forget();
  net.run(1s);
  CHECK(net.last_told(1) == "forgotten");
  net.open_deal(CommitBy::two_phase);
  net.deal(1, What::no);
  net.run(1s);
  CHECK(net.shelves[NodeId{1}].kept.contains(generation));
  net.forget();
  net.run(1s);
  CHECK_FALSE(net.shelves[NodeId{1}].kept.contains(generation));
}

TEST_CASE("votes are kept while the log is read again from before all had come") {
  Network net(3);
  net.open_deal(CommitBy::two_phase);
  net.cut = {NodeId{3}};  // it has voted, and is not told
  for (std::uint64_t node = 1; node <= 3; ++node) net.deal(node, What::yes);
  net.cut.clear();
  net.run(5s, [&] { return net.last_told(1) == "committed"; });
  REQUIRE(net.last_told(1) == "committed");
  for (auto& [node, state] : net.log) state.is_gathering = true;
  for (std::uint64_t node = 1; node <= 3; ++node) net.start(NodeId{node});
  net.run(1s);
  for (auto& [node, state] : net.log) state.is_gathering = false;
  for (std::uint64_t node = 1; node <= 3; ++node) net.step(NodeId{node}, node::Tick{});
  net.run(10s);
  for (std::uint64_t node = 1; node <= 3; ++node) {
    net.deal(node, What::how_it_stands);
    CHECK(net.last_told(node) == "committed");
  }
}

TEST_CASE("a later run finds the yes of an earlier one, and an earlier one that waits is told") {
  for (const CommitBy by : both) {
    Network net(2);
    net.open_deal(by, 100ms);
    net.deal(2, What::yes);  // 1 prepares yet
    net.run(1s);
    for (auto& [node, state] : net.log) state.deal->participants[1].run = 9;
    const auto later = [&](What what) {
      net.step(NodeId{2}, node::FromTool{replica::ConnectionId{77},
                                         {0, "root", {}, 2},
                                         1,
                                         wire::encode(FromTool(AskDeal{generation, "b", 9, what}), 2)});
    };
    later(What::how_it_stands);
    CHECK(net.last_told(2) == "voted");  // so it prepares nothing
    later(What::yes);
    CHECK(net.last_told(2) == "open");
    net.deal(1, What::yes);
    net.run(5s);
    CHECK(net.last_told(2) == "committed");
  }
}

TEST_CASE("who was away while it was aborted, without a vote, is told when it comes back") {
  for (const CommitBy by : both) {
    Network net(3);
    net.open_deal(by, 100ms);
    net.stalled = {NodeId{3}};  // its vote does not become durable
    for (std::uint64_t node = 1; node <= 3; ++node) net.deal(node, What::yes);
    net.run(5s, [&] { return net.last_told(1) == "aborted"; });
    REQUIRE(net.last_told(1) == "aborted");
    net.stalled.clear();
    net.start(NodeId{3});
    net.start(NodeId{1});
    net.deal(3, What::how_it_stands);
    CHECK(net.last_told(3) == "not voted");
    net.deal(3, What::yes);
    net.run(5s);
    CHECK(net.last_told(3) == "aborted");
  }
}

TEST_CASE("a no whose host is started again before the coordinator has heard it is said again") {
  for (const CommitBy by : both) {
    Network net(3);
    net.open_deal(by, 100ms);
    net.cut = {NodeId{1}};
    net.deal(2, What::no);
    net.run(1s);
    CHECK(net.last_told(2) == "aborted");
    net.start(NodeId{2});
    net.run(1s);
    net.cut.clear();
    net.deal(1, What::yes);
    net.deal(3, What::yes);
    net.run(90s);
    CHECK(net.deals_told() == "aborted, aborted, aborted");
  }
}

TEST_CASE("three phases: without a coordinator that has asked nobody the others abort") {
  Network net(3);
  net.open_deal(CommitBy::three_phase, 100ms);
  net.deal(2, What::yes);
  net.deal(3, What::yes);
  net.run(1s);
  net.cut = {NodeId{1}};
  net.run(20s);
  CHECK(net.last_told(2) == "aborted");
  CHECK(net.last_told(3) == "aborted");
  net.cut.clear();
  net.deal(1, What::yes);
  net.run(90s);
  CHECK(net.last_told(1) == "aborted");
}

TEST_CASE("a host that cannot write what it votes votes no more") {
  Network net(2);
  net.open_deal(CommitBy::two_phase);
  net.full = {NodeId{2}};
  net.deal(1, What::yes);
  net.deal(2, What::yes);
  net.run(5s);
  CHECK(net.last_told(2) == "store");
  CHECK(net.last_told(1) == "aborted");
}
