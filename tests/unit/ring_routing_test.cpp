// SPDX-License-Identifier: MIT
// Chord's lookups over the hosts of a ring: they end where the group has agreed that a key is.
#include "ring/routing.hpp"
#include "ring_group.hpp"

using namespace coord;
using namespace coord::ring;

namespace {

constexpr std::size_t most_hosts = 3;

Placement placement_of(std::uint64_t hosts) {
  service::Ring ring{Token{100}, 3, {}, {}};
  for (std::uint64_t id = 1; id <= hosts; ++id) ring.hosts.push_back({NodeId{id}, Token{id}, 8});
  return Placement(ring);
}

// Each host that is asked answers, but for those that are dead.
Traced traced(const chord::List& all, const std::string& key, const std::set<NodeId>& dead = {}) {
  Trace trace(NodeId{1}, all, most_hosts, id_of_key(key));
  for (auto next = trace.next(); next; next = trace.next()) {
    REQUIRE(next->host != NodeId{1});
    if (dead.contains(next->host)) {
      trace.dead(*next, std::chrono::seconds(1));
    } else {
      trace.answered(*next, *route_said(all, *next, id_of_key(key), most_hosts), Duration(1000));
    }
  }
  return trace.result();
}

}  // namespace

TEST_CASE("a lookup ends at the host that the group has agreed on, after few steps", "[ring]") {
  const Placement placement = placement_of(50);
  const chord::List all = members_of(placement);
  CHECK(all.size() == 400);
  std::size_t hops = 0;
  for (int i = 0; i < 500; ++i) {
    const std::string key = std::to_string(i);
    const Traced way = traced(all, key);
    REQUIRE_FALSE(way.owners.empty());
    CHECK(way.owners.front().host == placement.of_key(key).now.front().host);
    CHECK(way.hops.front().whom.host == NodeId{1});
    CHECK(way.hops.front().via.kind == Via::Kind::start);
    for (std::size_t hop = 1; hop < way.hops.size(); ++hop) CHECK(way.hops[hop].via.kind != Via::Kind::start);
    hops += way.hops.size() - 1;
  }
  CHECK(hops < 500 * 5);  // of 400 places: half of log2 400 is 4.3
  CHECK(hops > 500);
}

TEST_CASE("a lookup passes over hosts that do not answer, each of them asked once", "[ring]") {
  const Placement placement = placement_of(20);
  const chord::List all = members_of(placement);
  const std::set<NodeId> dead{NodeId{4}, NodeId{9}};
  std::size_t unanswered = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string key = std::to_string(i);
    const Traced way = traced(all, key, dead);
    const Hosts set = placement.of_key(key).now;
    // A list names three hosts: one of them lives.
    REQUIRE_FALSE(way.owners.empty());
    std::set<NodeId> missed;
    for (const TraceHop& hop : way.hops) {
      if (hop.answered) continue;
      ++unanswered;
      CHECK(missed.insert(hop.whom.host).second);
      CHECK(dead.contains(hop.whom.host));
    }
    CHECK(std::ranges::find(set, way.owners.front().host, &Host::host) != set.end());
  }
  CHECK(unanswered > 0);
}

TEST_CASE("what a place of another ring says is no part of a lookup", "[ring]") {
  const chord::List all = members_of(placement_of(3));
  Trace trace(NodeId{1}, all, most_hosts, id_of_key("k"));
  RouteSaid strange;
  for (std::uint64_t i = 0; i < 1000; ++i)
    strange.route.nearer.push_back({chord::drawn_id(i), NodeId{77}, 5});
  strange.route.successors = strange.route.nearer;
  for (auto next = trace.next(); next; next = trace.next()) {
    CHECK(next->host != NodeId{77});
    trace.answered(*next, strange, Duration{});
  }
  for (const chord::Member& owner : trace.result().owners) CHECK(owner.host != NodeId{77});
}

TEST_CASE("a ring of one is its own owner, with fingers that all lead to itself", "[ring]") {
  service::Ring ring{Token{1}, 3, {{NodeId{1}, Token{1}, 1}}, {}};
  const chord::List all = members_of(Placement(ring));
  const Traced way = traced(all, "k");
  REQUIRE(way.owners.size() == 1);
  CHECK(way.owners.front().host == NodeId{1});
  const auto known = places_known(all, NodeId{1}, most_hosts);
  REQUIRE(known.size() == 1);
  REQUIRE(known[0].fingers.size() == 1);
  CHECK(known[0].fingers[0].last == chord::id_bits - 1);
}

TEST_CASE("fingers are those of an ideal ring: the first place at or after each distance", "[ring]") {
  const chord::List all = members_of(placement_of(5));
  for (const PlaceKnown& place : places_known(all, NodeId{3}, most_hosts)) {
    unsigned next = 0;
    for (const Finger& finger : place.fingers) {
      CHECK(finger.first == next);
      next = finger.last + 1;
      const chord::Id start = place.place.id + chord::power_of_two(finger.first);
      for (const chord::Member& other : all) {
        if (other != finger.member && start != finger.member.id)
          CHECK_FALSE(chord::in_open(start, other.id, finger.member.id));
      }
    }
    CHECK(next == chord::id_bits);
  }
}

TEST_CASE("hosts of a ring are asked step by step, and who is gone is named", "[ring]") {
  Group group(3);
  group.found(3);
  const auto way = [&](const std::string& key) {
    const Answer answer = group.ask(1, AskTrace{"r", key, {}});
    REQUIRE(std::holds_alternative<Traced>(answer));
    return std::get<Traced>(answer);
  };
  const Placement placement(group.ring);
  std::size_t asked = 0;
  for (int i = 0; i < 40; ++i) {
    const Traced traced = way(std::to_string(i));
    REQUIRE_FALSE(traced.owners.empty());
    CHECK(traced.owners.front().host == placement.of_key(std::to_string(i)).now.front().host);
    asked += traced.hops.size() - 1;
  }
  CHECK(asked > 0);
  CHECK(std::holds_alternative<FingersOf>(group.ask(1, AskFingers{"r", NodeId{2}, {}})));
  CHECK(std::holds_alternative<Absent>(group.ask(1, AskFingers{"r", NodeId{9}, {}})));
  group.stop(2);
  bool is_named = false;
  for (int i = 0; i < 40; ++i) {
    const Traced traced = way(std::to_string(i));
    CHECK_FALSE(traced.owners.empty());
    for (const TraceHop& hop : traced.hops) is_named = is_named || !hop.answered;
  }
  CHECK(is_named);
  CHECK(std::holds_alternative<NoQuorum>(group.ask(1, AskFingers{"r", NodeId{2}, {}})));
}
