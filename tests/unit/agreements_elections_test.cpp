// SPDX-License-Identifier: MIT
// Leaderships that the hosts settle among themselves, at the parts of several peers.
#include <catch2/catch.hpp>

#include "agreements_group.hpp"
#include "protocol/election/lease_race.hpp"

using namespace coord;
using namespace coord::agreements;
using namespace coord::agreements::test;
using namespace std::chrono_literals;

namespace {

constexpr Duration bound = 1s;

void stand(Network& net, std::uint64_t node, ElectBy by, std::uint64_t tool = 1, Duration length = bound) {
  net.ask_as(node, tool, Stand{by, "reports", length});
}
std::string leads(Network& net, std::uint64_t node) {
  const auto& told = net.told[NodeId{node}];
  if (told.empty()) return "";
  const auto* standing = std::get_if<Standing>(&told.back());
  return standing == nullptr ? "refused" : standing->leads ? "leads" : "stands";
}
std::string all(Network& net) {
  std::string text;
  for (std::uint64_t node = 1; node <= net.size; ++node) text += (node > 1 ? " " : "") + leads(net, node);
  return text;
}
std::string believes(Network& net, std::uint64_t node, ElectBy by) {
  net.ask_as(node, 99, WhoLeads{by, "reports"});
  return std::get<Standing>(net.told[NodeId{node}].back()).leader;
}

}  // namespace

TEST_CASE("bully: the highest that stands leads, and whoever is next when it is gone") {
  Network net(3);
  for (std::uint64_t node = 1; node <= 3; ++node) stand(net, node, ElectBy::bully);
  net.run(5s);
  CHECK(all(net) == "stands stands leads");
  CHECK(believes(net, 1, ElectBy::bully) == "3");
  net.cut = {NodeId{3}};
  net.run(6s);
  CHECK(leads(net, 2) == "leads");
  CHECK(leads(net, 3) == "leads");  // as far as it knows
  net.cut.clear();
  net.run(6s);
  CHECK(leads(net, 2) == "stands");
  CHECK(leads(net, 3) == "leads");
  net.gone(3, 1);
  net.run(5s);
  CHECK(leads(net, 2) == "leads");
  stand(net, 3, ElectBy::bully);  // a higher one comes
  net.run(5s);
  CHECK(all(net) == "stands stands leads");
}

TEST_CASE("bully: whoever is elected begins when the one before has been told") {
  Network net(2);
  stand(net, 1, ElectBy::bully);
  net.run(5s);
  REQUIRE(leads(net, 1) == "leads");
  stand(net, 2, ElectBy::bully);
  net.run(100ms);
  CHECK(all(net) == "stands stands");  // the one has ended, the other one has not begun
  net.run(1s);
  CHECK(all(net) == "stands leads");
}

TEST_CASE("of several tools of a host the first stands, and the others after it") {
  for (const ElectBy by : {ElectBy::bully, ElectBy::lease_race}) {
    Network net(1);
    net.run(2s);
    stand(net, 1, by, 1);
    net.run(5s);
    CHECK(leads(net, 1) == "leads");
    stand(net, 1, by, 2);
    CHECK(leads(net, 1) == "stands");
    net.run(1s);
    net.gone(1, 1);
    net.run(5s);
    CHECK(leads(net, 1) == "leads");
    stand(net, 1, by, 3, 2 * bound);
    CHECK(leads(net, 1) == "refused");
  }
}

TEST_CASE("lease-race: one leads, and when it is gone the next in line") {
  Network net(3);
  net.run(2s);
  stand(net, 2, ElectBy::lease_race);
  net.run(1s);
  CHECK(leads(net, 2) == "leads");
  stand(net, 3, ElectBy::lease_race);
  stand(net, 1, ElectBy::lease_race);
  net.run(3s);
  CHECK(all(net) == "stands leads stands");
  CHECK(believes(net, 1, ElectBy::lease_race) == "2");
  CHECK(believes(net, 1, ElectBy::bully).empty());
  net.cut = {NodeId{2}};
  net.run(3s);
  CHECK(leads(net, 2) == "stands");  // its lease is over, and it has ended before
  CHECK(leads(net, 1) == "leads");
}

TEST_CASE("lease-race: who gives leases and was started again gives none until those of before are over") {
  Network net(3);
  net.run(2s);
  stand(net, 2, ElectBy::lease_race);
  net.run(1s);
  REQUIRE(leads(net, 2) == "leads");
  net.cut = {NodeId{2}};
  net.start(NodeId{1});
  stand(net, 3, ElectBy::lease_race);
  net.run(700ms);
  CHECK(leads(net, 3) == "stands");
  net.run(2s);
  CHECK(leads(net, 3) == "leads");
}

TEST_CASE("lease-race: whoever leads goes on for as long as it is renewed, and is told so") {
  Network net(3);
  net.run(2s);
  stand(net, 2, ElectBy::lease_race);
  net.run(200ms);
  for (int eighths = 0; eighths < 40; ++eighths) {
    REQUIRE(leads(net, 2) == "leads");
    const Instant until = std::get<Standing>(net.told[NodeId{2}].back()).until;
    net.run(bound / 8);
    CHECK(until > net.now);  // else its command would be stopped
    stand(net, 2, ElectBy::lease_race);
  }
}

TEST_CASE("lease-race: a host that comes again at once leads when its lease of before is over") {
  Network net(3);
  net.run(2s);
  stand(net, 2, ElectBy::lease_race);
  net.run(1s);
  REQUIRE(leads(net, 2) == "leads");
  net.start(NodeId{2});
  stand(net, 2, ElectBy::lease_race, 2);
  net.run(700ms);
  CHECK(leads(net, 2) == "stands");
  net.run(1s);
  CHECK(leads(net, 2) == "leads");
}

TEST_CASE("lease-race: without its disk nobody is given a lease, and with it again who stands") {
  Network net(3);
  net.run(2s);
  net.full = {NodeId{1}};
  stand(net, 2, ElectBy::lease_race);
  net.run(1s);
  CHECK(leads(net, 2) == "stands");
  net.full.clear();
  net.run(1s);
  CHECK(leads(net, 2) == "leads");
}

TEST_CASE("a refusal of an earlier candidate with another length is not this one's") {
  Network net(3);
  net.run(5s);
  stand(net, 2, ElectBy::lease_race);
  net.run(1s);
  net.slow = std::pair(NodeId{1}, NodeId{3});
  stand(net, 3, ElectBy::lease_race, 1, 2 * bound);
  net.run(100ms);
  net.gone(3, 1);
  net.slow.reset();
  stand(net, 3, ElectBy::lease_race, 2);
  for (auto& late : std::exchange(net.late, {}))
    net.step(late.to, node::FromPeer{late.from, late.bytes, 2, node::Way::stream});
  CHECK(leads(net, 3) == "stands");
  net.gone(2, 1);
  net.run(1s);
  CHECK(leads(net, 3) == "leads");
}

TEST_CASE("whoever votes may stand, those who came later too, and who votes no more ends") {
  for (const ElectBy by : {ElectBy::bully, ElectBy::lease_race}) {
    Network net(3, {}, 2);
    net.all_vote(2);
    net.run(2s);
    stand(net, 3, by);
    CHECK(leads(net, 3) == "refused");
    net.all_vote(3);
    stand(net, 3, by);
    net.run(5s);
    CHECK(leads(net, 3) == "leads");
    stand(net, 2, by);
    net.run(5s);
    CHECK(leads(net, 2) == "stands");
    CHECK(believes(net, 1, by) == "3");
    net.all_vote(2);
    CHECK(leads(net, 3) == "refused");
    net.run(5s);
    CHECK(leads(net, 2) == "leads");
  }
}

TEST_CASE("bully: whoever leads goes on when others may stand, until a higher one does") {
  Network net(3, {}, 2);
  net.all_vote(2);
  stand(net, 1, ElectBy::bully);
  stand(net, 2, ElectBy::bully);
  net.run(5s);
  REQUIRE(leads(net, 2) == "leads");
  const std::size_t told = net.told[NodeId{2}].size();
  net.all_vote(3);
  net.run(5s);
  for (std::size_t i = told; i < net.told[NodeId{2}].size(); ++i)
    CHECK(std::get<Standing>(net.told[NodeId{2}][i]).leads);
  CHECK(leads(net, 2) == "leads");
  stand(net, 3, ElectBy::bully);
  net.run(5s);
  CHECK(all(net) == "stands stands leads");
}

TEST_CASE(
    "lease-race: the first founder gives leases though it votes no more, and who does not know that one "
    "stands not") {
  Network net(3);
  net.all_vote(3);
  for (auto& [node, state] : net.log) {
    state.voters = {NodeId{2}, NodeId{3}};
    ++state.members_at.value;
  }
  net.run(2s);
  stand(net, 3, ElectBy::lease_race);
  net.run(1s);
  CHECK(leads(net, 3) == "leads");
  stand(net, 1, ElectBy::lease_race);
  CHECK(leads(net, 1) == "refused");
  net.log[NodeId{2}].members.erase(NodeId{1});
  net.start(NodeId{2});
  stand(net, 2, ElectBy::lease_race);
  CHECK(leads(net, 2) == "refused");
}

TEST_CASE("what no tool of ours says is refused: long names, bounds, and several names at once") {
  Network net(2);
  const auto said = [&](const Stand& what) {
    net.ask_as(1, 5, what);
    return std::holds_alternative<Standing>(net.told[NodeId{1}].back());
  };
  CHECK_FALSE(said({ElectBy::bully, "@/" + std::string(1'022, 'x'), bound}));
  CHECK_FALSE(said({ElectBy::bully, "", bound}));
  CHECK_FALSE(said({ElectBy::bully, std::string("a\0b", 3), bound}));
  CHECK_FALSE(said({ElectBy::bully, "reports", 9ms}));
  CHECK(said({ElectBy::bully, "reports", 10ms}));
  CHECK_FALSE(said({ElectBy::bully, "others", 10ms}));
  net.run(1s);
}

TEST_CASE("lease-race: another length than the others' is refused") {
  Network net(3);
  net.run(5s);
  stand(net, 2, ElectBy::lease_race);
  net.run(1s);
  stand(net, 3, ElectBy::lease_race, 1, 2 * bound);
  net.run(1s);
  CHECK(leads(net, 3) == "refused");
}

// A host whose disk was lost comes again under another number.
TEST_CASE("lease-race: numbers of which nobody stands any more keep nobody out") {
  Network net(2);
  auto& log = net.log[NodeId{1}];
  log.voters.emplace();
  for (std::uint64_t i = 1; i <= 70; ++i) log.members[NodeId{i}] = std::to_string(i);
  for (std::uint64_t i = 1; i <= 70; ++i) log.voters->push_back(NodeId{i});
  ++log.members_at.value;
  for (std::uint64_t i = 3; i <= 70; ++i) net.cut.insert(NodeId{i});  // they are none of this network
  net.run(2s);
  const auto joins = [&](std::uint64_t host) {
    const Election what{Election::Kind::message,
                        ElectBy::lease_race,
                        "reports",
                        bound,
                        2,
                        1,
                        1,
                        wire::encode(election::lease_race::Message(election::lease_race::Join{1, 1}))};
    net.step(NodeId{1}, node::FromPeer{NodeId{host}, wire::encode(ToPeer(what), 2), 2, node::Way::stream});
    while (net.does_some_work()) {
    }
    const bool answered =
        std::ranges::any_of(net.on_way, [&](const auto& sent) { return sent.to == NodeId{host}; });
    net.on_way.clear();
    return answered;
  };
  for (std::uint64_t host = 3; host < 67; ++host) CHECK(joins(host));
  CHECK_FALSE(joins(67));
  net.run(2s);  // all leases are over
  CHECK(joins(67));
  CHECK(joins(68));
}
