// SPDX-License-Identifier: MIT
// What copies differ in, and what a host keeps that is not its own any more.
#include "ring_group.hpp"

using namespace coord;
using namespace coord::ring;

TEST_CASE("hosts that have the same read no keys of each other, and a missed write is found", "[ring]") {
  Group group(3);
  group.found(3);
  for (int i = 0; i < 50; ++i) CHECK(is_stored(group.put(1, std::to_string(i), "v")));
  group.run();
  std::size_t rows = group.sent<copies::AskRows>();
  group.see(1, 2);
  for (int i = 0; i < 4; ++i) group.run();
  CHECK(group.sent<copies::AskRows>() == rows);
  CHECK(group.sent<copies::AskDigest>() > 0);
  group.stop(3);
  CHECK(is_stored(group.put(1, "7", "newer")));
  CHECK(is_stored(group.ask(1, Remove{"r", "8", {}, {}})));
  group.run();
  group.start(3);
  for (int i = 0; i < 4; ++i) group.run();
  CHECK(group.sent<copies::AskRows>() > rows);
  CHECK(group.get_one(3, "7") == "newer");
  CHECK(group.get_one(3, "8") == "absent");
  CHECK(group.get_one(3, "9") == "v");
}

TEST_CASE("a host drops what others are to keep once all of them have it", "[ring]") {
  Group group(5);
  group.found(4);
  for (int i = 0; i < 60; ++i)
    CHECK(is_stored(group.put(1, std::to_string(i), std::string(i == 5 ? 600'000 : 1, 'v'))));
  group.run();
  REQUIRE(group.whole_join(5));
  for (int i = 0; i < 8; ++i) group.run();
  const Placement placement(group.ring);
  std::size_t moved = 0;
  for (int i = 0; i < 60; ++i) {
    const std::string key = std::to_string(i);
    for (std::uint64_t id = 1; id <= 5; ++id) {
      const auto is_it = [&](const Host& host) { return host.host == NodeId{id}; };
      CHECK(group.keeps(id, key) == std::ranges::any_of(placement.of_key(key).now, is_it));
    }
    moved += group.keeps(5, key) ? 1 : 0;
    CHECK(group.get(2, key) == std::string(i == 5 ? 600'000 : 1, 'v'));
  }
  CHECK(moved > 10);
}

TEST_CASE("a host that starts reads its disk once for all others, and a slow one is not asked to read anew",
          "[ring]") {
  Group group(5);
  group.found(5);
  for (int i = 0; i < 30; ++i) CHECK(is_stored(group.put(1, std::to_string(i), "v")));
  group.run();
  group.stop(1);
  group.start(1);
  const std::size_t before = group.asked_of_disk<ReadDigests>(1);
  for (int i = 0; i < 4; ++i) group.run();
  CHECK(group.asked_of_disk<ReadDigests>(1) == before + 1);
  // The disk of host 2 takes a minute for one slice.
  group.stuck = [](std::uint64_t host, const Inner& what) {
    return host == 2 && std::holds_alternative<ReadDigests>(what);
  };
  const std::size_t at_two = group.asked_of_disk<ReadDigests>(2),
                    at_one = group.asked_of_disk<ReadDigests>(1);
  group.see(1, 2);
  for (int i = 0; i < 120; ++i) group.run();
  CHECK(group.asked_of_disk<ReadDigests>(2) <= at_two + 1);
  CHECK(group.asked_of_disk<ReadDigests>(1) <= at_one + 2);
  group.stuck = nullptr;
  const std::size_t digests = group.sent<copies::DigestIs>();
  for (int i = 0; i < 4; ++i) group.run();
  CHECK(group.sent<copies::DigestIs>() > digests);
}

TEST_CASE("what is left of a removed key goes once all hosts have heard of it, and not before", "[ring]") {
  Group group(4);
  group.found(4);
  const auto kept = [&](const std::string& key, std::uint64_t hosts = 4) {
    int copies = 0;
    for (std::uint64_t id = 1; id <= hosts; ++id) copies += group.keeps(id, key) ? 1 : 0;
    return copies;
  };
  const auto later = [&] {
    group.pass(std::chrono::minutes(6));
    for (int i = 0; i < 8; ++i) group.run();
  };
  const std::string key = group.key_on({1, 2, 3}), other = group.key_on({2, 3, 4});
  for (const std::string& each : {key, other}) CHECK(is_stored(group.put(1, each, "v")));
  CHECK(is_stored(group.ask(1, Remove{"r", key, {}, {}})));
  group.run();
  CHECK(kept(key) == 3);
  group.stop(4);  // keeps none of it, and might
  later();
  CHECK(kept(key, 3) == 3);
  group.start(4);
  later();
  later();
  CHECK(kept(key) == 0);
  CHECK(kept(other) == 3);
  CHECK(group.get(1, key) == "absent");
  // A session that has seen the removal waits for nothing.
  const Get get{"r", key, {}, 0, std::chrono::seconds(2), Consistency::causal, {{{NodeId{11}, 99}}, {}}};
  CHECK(std::holds_alternative<Absent>(group.ask(4, get)));
  CHECK(is_stored(group.put(2, key, "again")));
  CHECK(group.get(1, key) == "again");
}

TEST_CASE("a host that is none of a key's keeps what one of those misses, until that one is back", "[ring]") {
  Group group(5);
  group.found(5);
  const std::string key = group.key_on({1, 2, 3});
  group.stop(3);
  CHECK(is_stored(group.put(1, key, std::string(300'000, 'v'))));
  for (int i = 0; i < 8; ++i) group.run();
  CHECK(group.keeps(4, key) != group.keeps(5, key));
  // All others' disks are lost, and it is there still.
  const std::uint64_t keeper = group.keeps(4, key) ? 4 : 5;
  group.start(3);
  for (int i = 0; i < 12; ++i) group.run();
  CHECK(group.keeps(3, key));
  CHECK_FALSE(group.keeps(keeper, key));
  CHECK(group.get_one(3, key) == std::string(300'000, 'v'));
}

// Each of these keys is on host 3 anew, and on its way from there to the others, while its owner asks whether
// its tombstone may go.
TEST_CASE("a host that is asked about tombstones names each key once", "[ring]") {
  Group group(3);
  group.found(3);
  std::vector<std::string> keys;
  for (int i = 0; keys.size() < 100; ++i) {
    if (Placement(group.ring).of_key(std::to_string(i)).now.front().host == NodeId{2})
      keys.push_back(std::to_string(i));
  }
  // The owner has looked for tombstones, and does again in a minute.
  group.pass(std::chrono::minutes(2));
  group.see(1, 2);
  group.run();
  group.pass(std::chrono::seconds(45));
  for (const std::string& key : keys) group.begin(1, Put{"r", key, 0, {}, {}, {}});
  group.run();
  for (const std::string& key : keys) group.begin(1, Remove{"r", key, {}, {}});
  group.run();
  group.loses = [](std::uint64_t from, std::uint64_t, const copies::Message& message) {
    return from == 3 && std::holds_alternative<copies::Store>(message);
  };
  for (const std::string& key : keys) group.begin(3, Put{"r", key, 0, {}, {}, {}, Consistency::one});
  group.run();
  const std::size_t asked = group.sent<copies::AskBury>();
  group.pass(std::chrono::seconds(16));
  group.see(1, 2);
  for (int i = 0; i < 6; ++i) group.run();
  CHECK(group.sent<copies::AskBury>() > asked);
  group.loses = nullptr;
  for (int i = 0; i < 8; ++i) group.run();
  for (const std::string& key : keys) CHECK(group.keeps(2, key));
  CHECK(group.get(2, keys.front()).empty());
}
