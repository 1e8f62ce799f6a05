// SPDX-License-Identifier: MIT
// Decisions by classical algorithms at the parts of several peers.
#include <catch2/catch.hpp>

#include "agreements_group.hpp"
#include "base/random.hpp"
#include "sim/disk.hpp"

using namespace coord;
using namespace coord::agreements;
using namespace coord::agreements::test;
using namespace std::chrono_literals;

namespace {

// Three propose at once, and `cuts` times one after the other is cut off for a while, and perhaps started
// again. What all of them are told `rest` later; "different: ..." if that is not the same.
std::string what_is_decided(service::Agreement algorithm, std::uint64_t seed, int cuts, Duration rest) {
  Network net(3);
  net.open(algorithm, 3);
  Random random(seed);
  for (std::uint64_t node = 1; node <= 3; ++node) net.propose(node, "of " + std::to_string(node));
  for (int i = 0; i < cuts; ++i) {
    const NodeId off{1 + random.below(3)};
    net.cut = {off};
    net.run(std::chrono::milliseconds(random.below(400)));
    net.cut.clear();
    if (random.chance(0.5)) net.start(off);
    net.run(100ms);
  }
  net.run(rest);
  std::set<std::string> values;
  for (std::uint64_t node = 1; node <= 3; ++node) {
    net.propose(node, "again");
    net.run(5s);
    values.insert(net.last_told(node));
  }
  if (values.size() == 1) return *values.begin();
  std::string all = "different:";
  for (const std::string& value : values) all += " " + value + ";";
  return all;
}

}  // namespace

TEST_CASE("paxos: one proposer needs two round trips, and its messages are counted") {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.propose(1, "one");
  net.run(2s);
  REQUIRE(net.decided(1) != nullptr);
  CHECK(net.decided(1)->value == "one");
  CHECK(net.decided(1)->delays == 4);
  CHECK(net.decided(1)->messages.at("prepare") == 2);
  CHECK(net.decided(1)->messages.at("accept") == 2);
  CHECK(net.decided(1)->steps.front().text.starts_with("prepare"));
  net.propose(3, "three");  // whoever comes later
  net.run(2s);
  CHECK(net.last_told(3) == "decided one");
}

TEST_CASE("paxos: proposers at once decide the same, with links that are cut now and then") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO(seed);
    CHECK(what_is_decided(service::Agreement::paxos, seed, 5, 20s).starts_with("decided of "));
  }
}

TEST_CASE("what a site has promised it keeps over a restart, and what it knows to be decided") {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.propose(1, "one");
  net.run(2s);
  for (std::uint64_t node = 1; node <= 3; ++node) net.start(NodeId{node});
  net.told.clear();
  net.ask(NodeId{2}, GetDecided{generation});
  net.run(2s);
  CHECK(net.last_told(2) == "decided one");
}

TEST_CASE("who asks what is decided is told so by others, or that nothing is, or that too few answer") {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.ask(NodeId{3}, GetDecided{generation});
  net.run(2s);
  CHECK(net.last_told(3) == "undecided");
  net.cut = {NodeId{1}, NodeId{2}};
  net.ask(NodeId{3}, GetDecided{generation});
  net.run(3s);
  CHECK(net.last_told(3) == "no majority");
  net.cut = {NodeId{3}};
  net.propose(1, "one");
  net.run(2s);
  CHECK(net.last_told(1) == "decided one");
  net.cut.clear();
  CHECK(net.get(3) == "decided one");
}

TEST_CASE("multi-paxos: proposers at once decide the same, whoever is cut off or started again meanwhile") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    INFO(seed);
    CHECK(what_is_decided(service::Agreement::multi_paxos, seed, 3, 5s).starts_with("decided "));
  }
}

TEST_CASE("multi-paxos: where nobody proposes no site goes on by time") {
  Network net(3);
  net.open(service::Agreement::multi_paxos, 3);
  net.propose(1, "one");
  net.run(2s);
  CHECK(net.last_told(1) == "decided one");
  net.start(NodeId{2});
  CHECK(net.get(2) == "decided one");
  CHECK_FALSE(net.parts[NodeId{3}]->deadline());
}

TEST_CASE("multi-paxos: long values of many at once are decided, also for one that comes late") {
  Network net(5);
  net.open(service::Agreement::multi_paxos, 5);
  net.cut = {NodeId{5}};
  const auto long_value = [](char of) { return std::string(classical::value_limit, of); };
  for (std::uint64_t node = 1; node <= 4; ++node) net.propose(node, long_value("-abcd"[node]));
  net.run(5s);
  REQUIRE(net.decided(1) != nullptr);
  for (const Step& step : net.decided(1)->steps) CHECK(step.text.size() < 200);
  net.cut.clear();
  net.start(NodeId{5});
  net.propose(5, long_value('e'));
  net.run(5s);
  CHECK(net.last_told(5) == net.last_told(1));
}

TEST_CASE("a proposer that is gone drives nothing any more, and one that comes later does") {
  for (const auto algorithm : {service::Agreement::paxos, service::Agreement::multi_paxos}) {
    Network net(3);
    net.open(algorithm, 3);
    net.cut = {NodeId{2}, NodeId{3}};
    net.propose(1, "one");
    net.run(2s);
    net.gone(1, 1);
    net.run(1s);
    const std::size_t saves = net.saves;
    net.run(20s);
    CHECK(net.saves == saves);
    net.cut.clear();
    net.propose(1, "two");
    net.run(3s);
    CHECK(net.last_told(1) == "decided one");
  }
}

TEST_CASE("a site that has decided answers every message with the value, and keeps nothing else") {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.cut = {NodeId{3}};
  net.propose(1, "one");
  net.run(2s);
  CHECK(net.shelves[NodeId{1}].kept.at(generation).records.size() == 1);
  net.cut.clear();
  net.start(NodeId{1});
  net.start(NodeId{2});
  net.start(NodeId{3});
  net.propose(3, "three");
  net.run(3s);
  CHECK(net.last_told(3) == "decided one");
}

TEST_CASE("exchange: all sites acknowledge, also one whose promise comes while the decision is written") {
  for (const bool is_slow : {false, true}) {
    INFO(is_slow);
    Network net(3);
    net.open(service::Agreement::exchange, 3);
    if (is_slow) net.stalled = {NodeId{1}};
    net.propose(1, "one");
    net.run(100ms);
    net.stalled.clear();
    net.ask(NodeId{1}, GetSteps{generation});
    net.run(100ms);
    const auto* steps = std::get_if<Steps>(&net.told[NodeId{1}].back());
    REQUIRE(steps != nullptr);
    CHECK(steps->is_known);
    CHECK(steps->not_acknowledged.empty());
    CHECK(std::ranges::count_if(steps->steps, [](const Step& step) {
            return !step.sent && step.text.starts_with("acknowledge");
          }) == 2);
  }
}

TEST_CASE("what followed a decision is told once, and of others it is said that it is not known") {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.propose(1, "one");
  net.run(1s);
  const auto is_known = [&](std::uint64_t node) {
    net.ask(NodeId{node}, GetSteps{generation});
    net.run(2s);
    const auto* steps = std::get_if<Steps>(&net.told[NodeId{node}].back());
    REQUIRE(steps != nullptr);
    return steps->is_known;
  };
  CHECK_FALSE(is_known(2));
  CHECK(is_known(1));
  CHECK_FALSE(is_known(1));
}

TEST_CASE("ben-or decides on a bit, and takes no other value") {
  Network net(3);
  net.open(service::Agreement::ben_or, 3);
  net.propose(1, "maybe");
  CHECK(net.last_told(1) == "wrong");
  for (std::uint64_t node = 1; node <= 3; ++node) net.propose(node, "1");
  net.run(5s);
  for (std::uint64_t node = 1; node <= 3; ++node) CHECK(net.last_told(node) == "decided 1");
}

TEST_CASE("ben-or: a peer that was started again is no site any more") {
  Network net(3);
  net.open(service::Agreement::ben_or, 3);
  net.start(NodeId{2});
  net.propose(2, "1");
  CHECK(net.last_told(2) == "no site");
}

TEST_CASE("whoever proposes where too many sites are lost is told so, and so is whoever waits") {
  for (const auto algorithm : {service::Agreement::paxos, service::Agreement::ben_or}) {
    Network net(3);
    net.open(algorithm, 3);
    net.cut = {NodeId{2}, NodeId{3}};
    net.propose(1, "1");
    net.run(1s);
    CHECK(net.last_told(1) == "sites");  // it waits
    algorithm == service::Agreement::paxos ? net.replace_disk(2) : net.start(NodeId{2});
    net.cut = {NodeId{3}};
    net.run(2s);
    CHECK(net.last_told(1) == "sites");  // the third one may come back
    net.cut.clear();
    algorithm == service::Agreement::paxos ? net.replace_disk(3) : net.start(NodeId{3});
    net.run(2s);
    CHECK(net.last_told(1) == "sites were lost");  // its proposal may have been chosen before
    net.told[NodeId{1}].clear();
    net.propose(1, "1");
    net.run(2s);
    CHECK(net.last_told(1) == "sites are lost");
    net.start(NodeId{1});  // it has heard of nobody yet
    net.told[NodeId{1}].clear();
    net.propose(1, "1");
    net.run(4s);
    CHECK(net.last_told(1) == (algorithm == service::Agreement::paxos ? "sites were lost" : "no site"));
  }
}

TEST_CASE("where too many sites are lost those that are left are asked: they may know the decision") {
  Network net(5);
  net.open(service::Agreement::paxos, 5);
  net.cut = {NodeId{1}};
  net.propose(2, "two");
  net.run(2s);
  REQUIRE(net.last_told(2) == "decided two");
  for (const std::uint64_t node : {2, 3, 4}) net.replace_disk(node);
  SECTION("whoever proposes then") {
    net.cut.clear();
    for (auto& [other, part] : net.parts) net.step(other, node::Greeted{NodeId{1}});
    net.run(1s);
    net.propose(1, "one");
    net.run(2s);
    CHECK(net.last_told(1) == "decided two");
  }
  SECTION("whoever waits") {
    net.propose(1, "one");
    net.run(1s);
    net.cut = {NodeId{5}};
    net.run(1s);
    net.cut.clear();
    net.run(3s);
    CHECK(net.last_told(1) == "decided two");
  }
}

TEST_CASE("ben-or: a site that has decided says so after its peer was restarted") {
  Network net(3);
  net.open(service::Agreement::ben_or, 3);
  net.cut = {NodeId{1}};
  net.propose(2, "1");
  net.propose(3, "1");
  net.run(5s);
  REQUIRE(net.last_told(2) == "decided 1");
  REQUIRE(net.last_told(3) == "decided 1");
  net.start(NodeId{2});
  net.start(NodeId{3});
  net.cut.clear();
  net.run(1s);
  CHECK(net.get(1) == "decided 1");
  net.propose(1, "0");
  net.run(3s);
  CHECK(net.last_told(1) == "decided 1");
}

TEST_CASE("a site whose disk cannot be read for now is not lost") {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.cut = {NodeId{2}, NodeId{3}};
  net.propose(1, "1");
  net.run(1s);
  for (const std::uint64_t node : {2, 3})
    net.step(NodeId{1},
             node::FromPeer{NodeId{node}, wire::encode(ToPeer(Hello{70 + node, 0, false, {}}), 2)});
  net.run(3s);
  CHECK(net.last_told(1) == "sites");
}

// They are none of the algorithm's messages.
TEST_CASE("what links send again is counted apart") {
  const auto count = [](Network& net, const std::string& name) {
    for (const node::Count& each : net.parts[NodeId{1}]->counts()) {
      if (each.name == name) return each.value;
    }
    return std::uint64_t{0};
  };
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.propose(1, "v");
  net.run(1s);
  CHECK(net.last_told(1) == "decided v");
  CHECK(count(net, "agreements_resent") == 0);
  CHECK(count(net, "agreements_acknowledgements") > 0);
  const std::uint64_t before = count(net, "agreements_items");
  CHECK(before >= 6);
  net.cut = {NodeId{3}};
  net.ask(NodeId{1}, GetDecided{generation});
  net.forget();
  net.open(service::Agreement::paxos, 3);
  net.propose(1, "w");
  net.run(2s);
  CHECK(net.last_told(1) == "decided w");
  const Decided* const decided = net.decided(1);
  REQUIRE(decided != nullptr);
  CHECK(decided->messages.at("prepare") == 2);
  CHECK(count(net, "agreements_resent") > 0);
  const std::uint64_t resent = count(net, "agreements_resent");
  net.start(NodeId{3});  // its channel begins anew
  net.cut.clear();
  net.run(2s);
  CHECK(count(net, "agreements_resent") >= resent);
  CHECK(count(net, "agreements_items") > before);
}

// What is said behind a write belongs to it: a log that leaves it out is none with the others'.
TEST_CASE("the log of a decision is told when what is decided is on the disk, and has been said") {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.propose(1, "v");
  const auto said = [&](const std::string& words) {
    net.ask(NodeId{1}, GetLog{generation, 0});
    const auto* log = std::get_if<LogIs>(&net.told[NodeId{1}].back());
    return log != nullptr && std::ranges::any_of(log->lines, [&](const std::string& line) {
             return line.find(words) != std::string::npos;
           });
  };
  net.run(1s, [&] { return net.decided(1) != nullptr; });
  REQUIRE(net.decided(1) != nullptr);
  net.stalled = {NodeId{1}};
  CHECK_FALSE(said("chosen"));  // it waits
  net.run(1s);
  CHECK(std::get_if<LogIs>(&net.told[NodeId{1}].back()) == nullptr);
  net.stalled.clear();
  net.run(100ms);
  CHECK(std::get_if<LogIs>(&net.told[NodeId{1}].back()) != nullptr);
  CHECK(said("chosen v to 2"));
  CHECK(said("chosen v to 3"));
}

TEST_CASE("a host that is none of the sites is told so when it proposes, and what is decided when it asks") {
  Network net(4);
  net.open(service::Agreement::paxos, 3);
  net.propose(4, "four");
  CHECK(net.last_told(4) == "no site");
  CHECK(net.get(4) == "undecided");
  net.propose(1, "one");
  net.run(1s);
  CHECK(net.get(4) == "decided one");
}

TEST_CASE("what is forgotten is taken from the disk, and who waits for it is told") {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.cut = {NodeId{2}, NodeId{3}};
  net.propose(1, "one");
  net.run(1s);
  CHECK(net.shelves[NodeId{1}].kept.size() == 1);
  net.forget();
  CHECK(net.last_told(1) == "forgotten");
  net.run(1s);
  CHECK(net.shelves[NodeId{1}].kept.empty());
  net.propose(1, "two");
  CHECK(net.last_told(1) == "forgotten");
}

TEST_CASE("a later life takes what was forgotten meanwhile from the disk") {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.propose(1, "one");
  net.run(1s);
  net.forget();
  net.shelves[NodeId{1}].kept[generation] = {generation, {{"state", Bytes{1}}}};
  net.start(NodeId{1});
  net.step(NodeId{1}, node::Tick{});
  net.run(1s);
  CHECK(net.shelves[NodeId{1}].kept.empty());
}

TEST_CASE("a log that is behind says so, and what comes before it does waits for it") {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.log[NodeId{2}].behind = true;
  net.cut = {NodeId{3}};
  net.propose(2, "two");
  CHECK(net.last_told(2) == "behind");
  CHECK(net.get(2, 1s) == "behind");
  net.propose(1, "one");
  net.run(100ms);
  CHECK(net.last_told(1) == "sites");
  net.log[NodeId{2}].behind = false;
  net.step(NodeId{2}, node::Tick{});
  net.run(100ms);  // before anything is said again
  CHECK(net.last_told(1) == "decided one");
}

TEST_CASE("a site whose disk cannot be written takes no further part, and the others decide") {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.full = {NodeId{3}};
  net.propose(3, "three");
  net.run(1s);
  CHECK(net.last_told(3) == "store");
  net.propose(3, "again");
  CHECK(net.last_told(3) == "store");
  net.propose(1, "one");
  net.run(2s);
  CHECK(net.last_told(1) == "decided one");
  CHECK(net.get(3) == "decided one");
}

TEST_CASE("sites are those founders that vote by now, and only they open a name") {
  Network net(4);
  for (std::uint64_t i = 1; i <= 4; ++i)
    net.log[NodeId{i}].voters = {NodeId{1}, NodeId{3}, NodeId{4}, NodeId{9}};
  net.ask(NodeId{2}, GetSites{});
  CHECK(net.last_told(2) == "no site");
  net.ask(NodeId{1}, GetSites{});
  net.run(600ms);
  std::vector<NodeId> nodes;
  for (const auto& site : std::get<Sites>(net.told[NodeId{1}].back()).sites) nodes.push_back(site.node);
  CHECK(nodes == std::vector{NodeId{1}, NodeId{3}, NodeId{4}});
}

TEST_CASE("a peer that cannot read what it has promised opens no name") {
  Network net(3);
  net.shelves[NodeId{1}].disk = 0;
  net.start(NodeId{1});
  net.ask(NodeId{1}, GetSites{});
  CHECK(net.last_told(1) == "store");
}

TEST_CASE("what waits for a peer that takes nothing is bounded") {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.cut = {NodeId{2}, NodeId{3}};
  net.propose(1, std::string(60'000, 'x'));
  net.run(10min);
  const auto before = net.on_way.size();
  net.cut.clear();
  net.run(1min);
  CHECK(net.last_told(1) == "decided " + std::string(60'000, 'x'));
  CHECK(before < 1'000);
}

TEST_CASE("a site alone decides at once") {
  Network net(1);
  net.open(service::Agreement::paxos, 1);
  net.propose(1, "one");
  net.run(1s);
  CHECK(net.last_told(1) == "decided one");
}

TEST_CASE("bytes that are no message close the connection they came by") {
  Network net(2);
  const node::PartActions actions = net.parts[NodeId{1}]->step(
      net.moment(), node::FromPeer{NodeId{2}, Bytes{9, 9, 9}, 2, node::Way::stream});
  REQUIRE(actions.size() == 1);
  CHECK(std::holds_alternative<node::Unreadable>(actions.front()));
}
