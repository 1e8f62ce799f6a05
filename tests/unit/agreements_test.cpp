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
    Network net(3);
    net.open(service::Agreement::paxos, 3);
    Random random(seed);
    for (std::uint64_t node = 1; node <= 3; ++node) net.propose(node, "of " + std::to_string(node));
    for (int i = 0; i < 5; ++i) {
      const NodeId off{1 + random.below(3)};
      net.cut = {off};
      net.run(std::chrono::milliseconds(random.below(400)));
      net.cut.clear();
      if (random.chance(0.5)) net.start(off);
      net.run(100ms);
    }
    net.run(20s);
    std::set<std::string> values;
    for (std::uint64_t node = 1; node <= 3; ++node) {
      net.propose(node, "again");
      net.run(5s);
      values.insert(net.last_told(node));
    }
    INFO(seed);
    CHECK(values.size() == 1);
    CHECK(values.begin()->starts_with("decided of "));
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
  net.ask(NodeId{3}, GetDecided{generation});
  net.run(3s);
  CHECK(net.last_told(3) == "decided one");
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

TEST_CASE("a host that is none of the sites is told so, and what is forgotten") {
  Network net(4);
  net.open(service::Agreement::paxos, 3);
  net.propose(4, "four");
  CHECK(net.last_told(4) == "no site");
  net.known[NodeId{1}] = std::nullopt;
  net.propose(1, "one");
  CHECK(net.last_told(1) == "forgotten");
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

TEST_CASE("the disk's number and what was promised are read again, and damage is refused") {
  sim::VirtualDisk disk(Random(1));
  const auto first = read_shelf(disk, 42);
  REQUIRE(first.ok());
  CHECK(first->disk == 43);  // never 0
  SaveWorker worker([&]() -> Result<std::unique_ptr<Disk>> {
    return Error{ErrorKind::data, "disk", "away", ""};
  });
  auto save = std::make_shared<Save>();
  save->kept = {Token{7}, {{"state", Bytes{1, 2, 3}}}};
  std::vector<std::shared_ptr<node::Work>> batch{save};
  worker.perform(batch);
  CHECK_FALSE(save->outcome.ok());
  const auto again = read_shelf(disk, 1000);
  REQUIRE(again.ok());
  CHECK(again->disk == 43);
  auto file = disk.open("agreement-disk");
  REQUIRE(file.ok());
  REQUIRE((*file)->write(4, Bytes{99}).ok());
  CHECK_FALSE(read_shelf(disk, 7).ok());
}
