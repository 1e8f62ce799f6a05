// SPDX-License-Identifier: MIT
// Writes of a ring's key: who waits for whom, what counts as stored, and what is left when they are over.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "ring_group.hpp"

using namespace coord;
using namespace coord::ring;

namespace {

void pass_turns(Group& group, int times) {
  for (int i = 0; i < times; ++i) group.run();
}

// The first keys of exactly these hosts that this other one keeps hints of.
std::vector<std::string> keys_hinted_at(const Group& group, std::uint64_t keeper,
                                        const std::set<std::uint64_t>& hosts, std::size_t count) {
  const Placement placement(group.ring);
  std::vector<std::string> keys;
  for (int i = 0; keys.size() < count; ++i) {
    const std::string key = std::to_string(i);
    std::set<std::uint64_t> of;
    for (const Host& host : placement.of_key(key).now) of.insert(host.host.value);
    if (of == hosts && placement.behind(key).front().host == NodeId{keeper}) keys.push_back(key);
  }
  return keys;
}

}  // namespace

TEST_CASE("a write that waits for a version which it names lets others pass", "[ring]") {
  Group group(3);
  group.found(3);
  REQUIRE(is_stored(group.put(1, "k", "v")));
  group.stop(3);
  const std::vector<Dot> unknown{{NodeId{99}, 1}};
  const std::uint64_t waits = group.begin(1, Put{"r", "k", 1, {}, unknown, {}}, "w");
  const std::uint64_t too = group.begin(1, Put{"r", "k", 1, {}, unknown, {}}, "x");
  pass_turns(group, 2);
  CHECK(is_stored(group.ask(1, Put{"r", "k", 3, {}, {}, std::chrono::seconds(4)}, "new")));
  CHECK(group.get(2, "k") == "new");
  CHECK_FALSE(group.told.contains(waits));
  // All copies say that they have never heard of it.
  group.start(3);
  pass_turns(group, 20);
  REQUIRE(group.told.contains(waits));
  REQUIRE(group.told.contains(too));
  CHECK(is_stored(group.told.at(waits)));
  CHECK(is_stored(group.told.at(too)));
}

TEST_CASE("of writes with one deadline each says what it has waited for", "[ring]") {
  Group group(3);
  group.found(3);
  group.stop(2);
  group.stop(3);
  std::vector<std::uint64_t> requests;
  for (int i = 0; i < 3; ++i)
    requests.push_back(group.begin(1, Put{"r", "k", 1, {}, {}, std::chrono::seconds(1)}, "v"));
  pass_turns(group, 4);
  int too_few = 0, in_line = 0;
  for (const std::uint64_t request : requests) {
    REQUIRE(group.told.contains(request));
    const auto* why = std::get_if<NoQuorum>(&group.told.at(request));
    REQUIRE(why != nullptr);
    too_few += why->text == "too few of the key's copies answer: 1 of 3" ? 1 : 0;
    in_line += why->text.starts_with("another write of the key") ? 1 : 0;
  }
  CHECK(too_few == 1);
  CHECK(in_line == 2);
}

TEST_CASE("a write that has let others pass ends with its own trouble", "[ring]") {
  Group group(3);
  group.found(3);
  REQUIRE(is_stored(group.put(1, "k", "v")));
  group.stop(3);
  const std::vector<Dot> unknown{{NodeId{99}, 1}};
  const std::uint64_t first =
      group.begin(1, Put{"r", "k", 1, {}, unknown, std::chrono::milliseconds(2200)}, "w");
  for (int i = 0; i < 2; ++i) group.begin(1, Put{"r", "k", 1, {}, unknown, {}}, "w");
  pass_turns(group, 6);
  REQUIRE(group.told.contains(first));
  REQUIRE(std::holds_alternative<NoQuorum>(group.told.at(first)));
  CHECK_THAT(std::get<NoQuorum>(group.told.at(first)).text, Catch::Contains("that is named is unknown"));
}

TEST_CASE("a write that all disks have refused leaves nothing to remove", "[ring]") {
  Group group(3);
  group.found(3);
  REQUIRE(is_stored(group.put(1, "other", "v")));
  group.full = {1, 2, 3};
  REQUIRE(std::holds_alternative<Refused>(group.put(1, "k", "v")));
  group.full.clear();
  CHECK(std::holds_alternative<Absent>(group.ask(1, Remove{"r", "k", {}, {}})));
}

TEST_CASE("a write of which a hint is kept is not said to be stored nowhere", "[ring]") {
  Group group(4);
  group.found(4);
  const std::string key = group.key_on({1, 2, 3});
  REQUIRE(is_stored(group.put(1, key, "old")));
  group.run();
  group.full = {1};
  bool is_slow = true;
  group.stuck = [&](std::uint64_t host, const Inner& what) {
    return (host == 2 || host == 3) && is_slow && std::holds_alternative<Merge>(what);
  };
  const std::uint64_t put = group.begin(1, Put{"r", key, 3, {}, {}, {}}, "new");
  pass_turns(group, 4);
  is_slow = false;
  group.full = {1, 2, 3};
  pass_turns(group, 4);
  REQUIRE(group.told.contains(put));
  CHECK(std::holds_alternative<Partly>(group.told.at(put)));
  // It is handed over when there is room.
  group.full.clear();
  pass_turns(group, 30);
  CHECK(group.get(2, key) == "new");
  CHECK_FALSE(group.keeps(4, key));
}

TEST_CASE("a copy on a host that leaves is none of those that are wanted", "[ring]") {
  Group group(4);
  group.found(4);
  const std::string key = group.key_on({1, 2, 3});
  group.leave(3);
  for (const std::uint64_t other : {1, 2, 3}) group.part(4, other);
  const Put put{"r", key, 1, {}, {}, std::chrono::seconds(2), Consistency::quorum, {}, {3, false}};
  CHECK(group.ask(1, put, "v") == Answer(Partly{3, 2, 4}));
  group.cut.clear();
  CHECK(is_stored(group.ask(1, put, "v")));
  CHECK(group.keeps(4, key));
}

TEST_CASE("hints of writes beside each other are handed over, and go", "[ring]") {
  Group group(4);
  group.found(4);
  const std::string key = group.key_on({1, 2, 3});
  group.stop(3);
  // Neither has heard of the other one.
  for (const std::uint64_t at : {1, 2}) group.begin(at, Put{"r", key, 1, {}, std::vector<Dot>{}, {}}, "v");
  pass_turns(group, 12);
  REQUIRE(group.keeps(4, key));
  group.start(3);
  pass_turns(group, 20);
  CHECK(group.get_one(3, key) == "siblings");
  CHECK_FALSE(group.keeps(4, key));
}

// Each write of it would be a row of its own, whose value the next one has replaced.
TEST_CASE("of a key that is written often one hint is kept, and others have their turn", "[ring]") {
  Group group(4);
  group.found(4);
  const auto keys = keys_hinted_at(group, 4, {1, 2, 3}, 6);
  group.stop(3);
  for (int i = 0; i < 40; ++i) REQUIRE(is_stored(group.put(1, keys.front(), std::to_string(i))));
  for (const std::string& key : keys) REQUIRE(is_stored(group.put(1, key, "last")));
  pass_turns(group, 8);
  for (const std::string& key : keys) REQUIRE(group.keeps(4, key));
  // Whoever wrote them sends them on no more.
  group.pass(std::chrono::seconds(40));
  group.run();
  const std::size_t sent = group.sent<copies::Store>();
  pass_turns(group, 20);
  CHECK(group.sent<copies::Store>() - sent <= 3 * 6 * keys.size());
  group.start(3);
  pass_turns(group, 4);
  group.see(3, 4);
  pass_turns(group, 6);
  for (const std::string& key : keys) {
    CHECK(group.get_one(3, key) == "last");
    CHECK_FALSE(group.keeps(4, key));
  }
}

TEST_CASE("of a key that is written often the newest goes on alone to who is away", "[ring]") {
  Group group(4);
  group.found(4);
  const std::string key = group.key_on({1, 2, 3});
  group.stop(3);
  for (int i = 0; i < 40; ++i) REQUIRE(is_stored(group.put(1, key, std::to_string(i))));
  const std::size_t sent = group.sent<copies::Store>();
  pass_turns(group, 8);
  CHECK(group.sent<copies::Store>() - sent <= 40);
}

TEST_CASE("a host that was given up is asked no more for what was missed", "[ring]") {
  Group group(4);
  group.found(4);
  for (const std::uint64_t other : {1, 2, 3}) {
    group.part(4, other);
    group.see(4, other);
  }
  group.run();
  REQUIRE(group.adopt(1, {NodeId{4}}));
  pass_turns(group, 8);
  const std::size_t asked = group.sent<copies::AskDigest>();
  for (int i = 0; i < 4; ++i) {
    group.pass(std::chrono::seconds(11));
    group.run();
  }
  CHECK(group.sent<copies::AskDigest>() == asked);
}

TEST_CASE("what one copy has written is not written again when many are asked for anew", "[ring]") {
  Group group(4);
  group.found(4);
  const Placement placement(group.ring);
  std::vector<std::string> keys;
  for (int i = 0; keys.size() < 1100; ++i) {
    const Hosts hosts = placement.of_key(std::to_string(i)).now;
    if (std::ranges::find(hosts, NodeId{3}, &Host::host) == hosts.end()) keys.push_back(std::to_string(i));
  }
  group.loses = [](std::uint64_t, std::uint64_t, const copies::Message& message) {
    return std::holds_alternative<copies::WroteOne>(message);
  };
  for (const std::string& key : keys)
    group.begin(3, Put{"r", key, 1, {}, std::vector<Dot>{}, {}, Consistency::one}, "v");
  pass_turns(group, 2);
  group.loses = nullptr;
  pass_turns(group, 4);
  const auto are_siblings = [&](const std::string& key) { return group.get_one(1, key) != "v"; };
  CHECK(std::ranges::count_if(keys, are_siblings) == 0);
}

TEST_CASE("rows that a full disk does not take hold up no others", "[ring]") {
  Group group(5);
  group.found(5);
  group.full = {2};
  for (const std::string& key : keys_hinted_at(group, 4, {1, 2, 3}, 20)) {
    REQUIRE(is_stored(group.put(1, key, "v")));
  }
  pass_turns(group, 6);
  const std::string other = keys_hinted_at(group, 4, {1, 3, 5}, 1).front();
  group.stop(3);
  REQUIRE(is_stored(group.put(1, other, "v")));
  pass_turns(group, 6);
  REQUIRE(group.keeps(4, other));
  group.start(3);
  pass_turns(group, 30);
  CHECK_FALSE(group.keeps(4, other));
  group.full.clear();
  pass_turns(group, 40);
  CHECK(group.rows(4, group.stored_ring(4)) == 0);
}
