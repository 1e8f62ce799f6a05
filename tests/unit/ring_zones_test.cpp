// SPDX-License-Identifier: MIT
// Which hosts keep a key where hosts stand in zones.
#include <random>

#include "ring_group.hpp"

using namespace coord;
using namespace coord::ring;

namespace {

service::Ring ring_of(const std::vector<std::string>& zones, std::uint32_t replicas = 3) {
  service::Ring ring{Token{1}, replicas, {}, {}};
  for (std::size_t i = 0; i < zones.size(); ++i)
    ring.hosts.push_back({NodeId{i + 1}, Token{i + 1}, 8, zones[i]});
  return ring;
}

std::set<std::string> zones_of(const Hosts& hosts) {
  std::set<std::string> zones;
  for (const Host& host : hosts) zones.insert(host.zone);
  return zones;
}

}  // namespace

TEST_CASE("copies are in as many zones as there are, on distinct hosts, and the owner is as without zones",
          "[ring]") {
  const std::vector<std::string> three{"x", "x", "x", "x", "y", "y", "z"};
  const Placement with(ring_of(three)), without(ring_of(std::vector<std::string>(three.size())));
  const Placement two(ring_of({"x", "x", "x", "y"}));
  for (int i = 0; i < 500; ++i) {
    const std::string key = std::to_string(i);
    const Hosts hosts = with.of_key(key).now;
    CHECK(zones_of(hosts) == std::set<std::string>{"x", "y", "z"});
    CHECK(hosts.front().host == without.of_key(key).now.front().host);
    const Hosts of_two = two.of_key(key).now;
    CHECK(std::set<Host>(of_two.begin(), of_two.end()).size() == 3);
    CHECK(zones_of(of_two).size() == 2);
    // Who would keep it next is none of those who do, and everybody is named once.
    Hosts all = hosts;
    for (const Host& host : with.behind(key)) all.push_back(host);
    CHECK(std::set<Host>(all.begin(), all.end()).size() == three.size());
  }
}

TEST_CASE("a host that comes changes each set of copies by one host at most, whatever the zones", "[ring]") {
  std::mt19937_64 random(7);
  for (int ring = 0; ring < 60; ++ring) {
    std::vector<std::string> zones(2 + random() % 8);
    for (std::string& zone : zones) zone = std::string(1, static_cast<char>('a' + random() % (1 + ring % 5)));
    service::Ring changed = ring_of(zones, static_cast<std::uint32_t>(1 + random() % 5));
    changed.before = changed.hosts;
    const auto who = static_cast<std::ptrdiff_t>(random() % changed.hosts.size());
    changed.before.erase(changed.before.begin() + who);
    const Placement placement(changed);
    for (const ReplicaSet& set : placement.arcs()) {
      const std::set<Host> before(set.before.begin(), set.before.end());
      std::size_t is_new = 0;
      for (const Host& host : set.now) is_new += before.contains(host) ? 0U : 1U;
      CHECK(is_new <= 1);
      CHECK(set.now.size() <= before.size() + 1);
    }
  }
}

TEST_CASE("a whole zone is lost, and each key is read and written with those that are left", "[ring]") {
  Group group(6);
  group.zones = {{1, "x"}, {2, "x"}, {3, "y"}, {4, "y"}, {5, "z"}, {6, "z"}};
  group.found(6);
  for (int i = 0; i < 40; ++i) REQUIRE(is_stored(group.put(1, std::to_string(i), "v")));
  group.stop(3);
  group.stop(4);
  for (int i = 0; i < 40; ++i) CHECK(group.get(5, std::to_string(i)) == "v");
  CHECK(is_stored(group.put(5, "7", "newer")));
  CHECK(group.get(2, "7") == "newer");
}

TEST_CASE("a host that moves changes each set of copies by one host at most, whatever the zones", "[ring]") {
  std::mt19937_64 random(11);
  for (int ring = 0; ring < 100; ++ring) {
    const auto zone = [&] { return std::string(1, static_cast<char>('a' + random() % (1 + ring % 5))); };
    std::vector<std::string> zones(2 + random() % 8);
    for (std::string& each : zones) each = zone();
    service::Ring moved = ring_of(zones, static_cast<std::uint32_t>(1 + random() % 5));
    moved.before = moved.hosts;
    Host& host = moved.hosts[random() % moved.hosts.size()];
    host.places = static_cast<std::uint32_t>(1 + random() % 20);
    host.zone = zone();
    const Placement placement(moved);
    for (const ReplicaSet& set : placement.arcs()) {
      const std::set<Host> before(set.before.begin(), set.before.end());
      std::size_t is_new = 0;
      for (const Host& each : set.now) is_new += before.contains(each) ? 0U : 1U;
      CHECK(is_new <= 1);
      CHECK(set.now.size() == before.size());
    }
  }
}

// As one that leaves and comes again would not: its keys stay on its disk, and only those of arcs whose set
// is another one move.
TEST_CASE("a host that has other places or another zone keeps its keys, and none but those of its arcs move",
          "[ring]") {
  Group group(5);
  group.zones = {{1, "x"}, {2, "x"}, {3, "x"}, {4, "y"}, {5, "y"}};
  group.found(5);
  constexpr int keys = 60;
  for (int i = 0; i < keys; ++i) REQUIRE(is_stored(group.put(1, std::to_string(i), "v")));
  for (int i = 0; i < 10; ++i) group.run();
  const service::Ring was = group.ring;
  const std::string stored = group.stored_ring(3);
  std::uint32_t places = 8;
  std::string zone = "x";
  SECTION("zone") {
    zone = "z";
  }
  SECTION("more places") {
    places = 24;
  }
  SECTION("fewer places") {
    places = 2;
  }
  SECTION("both") {
    zone = "y", places = 20;
  }
  const std::size_t merged = group.asked_of_disk<Merge>(1) + group.asked_of_disk<Merge>(2) +
                             group.asked_of_disk<Merge>(3) + group.asked_of_disk<Merge>(4) +
                             group.asked_of_disk<Merge>(5);
  REQUIRE(group.whole_move(3, places, zone));
  CHECK(group.stored_ring(3) == stored);
  for (int i = 0; i < 40; ++i) group.run();
  const Placement before(was), now(group.ring);
  std::size_t moves = 0;
  for (int i = 0; i < keys; ++i) {
    const std::string key = std::to_string(i);
    const Hosts then = before.of_key(key).now, keep = now.of_key(key).now;
    for (const Host& host : keep) moves += std::ranges::find(then, host) == then.end() ? 1U : 0U;
    for (std::uint64_t id = 1; id <= 5; ++id) {
      const bool is_to_keep = std::ranges::find(keep, NodeId{id}, &Host::host) != keep.end();
      INFO("key " << key << " host " << id);
      CHECK(group.keeps(id, key) == is_to_keep);
    }
    CHECK(group.get(3, key) == "v");
  }
  CHECK(moves > 0);
  // What came to a disk: the keys that moved, and, of those that were given back, a copy to each who has it.
  const std::size_t came = group.asked_of_disk<Merge>(1) + group.asked_of_disk<Merge>(2) +
                           group.asked_of_disk<Merge>(3) + group.asked_of_disk<Merge>(4) +
                           group.asked_of_disk<Merge>(5) - merged;
  CHECK(came <= 8 * moves);
}
