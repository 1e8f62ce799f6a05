// SPDX-License-Identifier: MIT
// A ring of several hosts: who keeps what, and that nothing that was acknowledged is lost.
#include "protocol/chord/sha1.hpp"
#include "ring_group.hpp"

using namespace coord;
using namespace coord::ring;

namespace {

service::Ring ring_of(std::vector<std::uint64_t> hosts, std::vector<std::uint64_t> before = {},
                      std::uint32_t replicas = 3) {
  service::Ring ring{Token{100}, replicas, {}, {}};
  for (const auto host : hosts) ring.hosts.push_back({NodeId{host}, Token{host}, 8});
  for (const auto host : before) ring.before.push_back({NodeId{host}, Token{host}, 8});
  return ring;
}

Host host(std::uint64_t id) {
  return {NodeId{id}, Token{id}, 8};
}

std::string hex(std::string_view text) {
  return chord::text(chord::id_of_digest(chord::sha1(text)));
}

}  // namespace

TEST_CASE("SHA-1 is that of the standard, also over the end of a block", "[ring]") {
  CHECK(hex("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hex("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(hex(std::string(1'000'000, 'a')) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST_CASE("a key has as many copies as there are hosts, at most so many as are wanted", "[ring]") {
  for (const std::size_t n : {1U, 2U, 3U, 5U}) {
    std::vector<std::uint64_t> hosts;
    for (std::uint64_t i = 1; i <= n; ++i) hosts.push_back(i);
    const Placement placement(ring_of(hosts));
    for (int key = 0; key < 100; ++key) {
      const ReplicaSet set = placement.of_key(std::to_string(key));
      CHECK(set.now.size() == std::min<std::size_t>(3, n));
      CHECK(set.before.empty());
      CHECK(std::set<Host>(set.now.begin(), set.now.end()).size() == set.now.size());
    }
  }
}

TEST_CASE("who comes gains its arcs, and between others nothing moves", "[ring]") {
  const Placement placement(ring_of({1, 2, 3, 4, 5}, {1, 2, 3, 4}, 2));
  CHECK(placement.gainers() == std::set<Host>{host(5)});
  std::size_t gained = 0;
  for (int key = 0; key < 2000; ++key) {
    const ReplicaSet set = placement.of_key(std::to_string(key));
    bool is_gained = false;
    for (const Host& each : set.now) {
      const bool had = std::ranges::find(set.before, each) != set.before.end();
      CHECK((had || each == host(5)));
      is_gained = is_gained || !had;
    }
    gained += is_gained ? 1 : 0;
  }
  CHECK(gained > 200);
  CHECK(gained < 1600);
}

TEST_CASE("while a host comes a write needs majorities of both sets and a read one of before", "[ring]") {
  const ReplicaSet changing{{host(1), host(2), host(4)}, {host(1), host(2), host(3)}};
  CHECK(changing.is_written({host(1), host(2)}));
  CHECK_FALSE(changing.is_written({host(1), host(4)}));
  CHECK_FALSE(changing.is_written({host(1), host(3)}));
  CHECK(changing.is_written({host(1), host(3), host(4)}));
  CHECK(changing.can_read({host(2), host(3)}));
  CHECK_FALSE(changing.can_read({host(2), host(4)}));
  const ReplicaSet settled{{host(1), host(2), host(4)}, {}};
  CHECK_FALSE(settled.is_written({host(4)}));
  CHECK(settled.is_written({host(1), host(4)}));
  CHECK_FALSE(settled.can_read({host(3), host(4)}));
}

TEST_CASE("majorities of sets that differ by one host meet", "[ring]") {
  for (std::uint64_t n = 1; n <= 6; ++n) {
    std::vector<std::uint64_t> fewer, more;
    for (std::uint64_t i = 1; i <= n; ++i) fewer.push_back(i);
    more = fewer;
    more.push_back(n + 1);
    const Placement small(ring_of(fewer)), large(ring_of(more));
    for (int key = 0; key < 50; ++key) {
      const Hosts a = small.of_key(std::to_string(key)).now, b = large.of_key(std::to_string(key)).now;
      // All of one that are not in the other, and whoever else is needed: they must not be
      // a majority of both.
      for (unsigned mask = 0; mask < 1U << b.size(); ++mask) {
        std::set<Host> in_b;
        for (std::size_t i = 0; i < b.size(); ++i) {
          if ((mask >> i & 1U) != 0) in_b.insert(b[i]);
        }
        std::set<Host> rest;
        for (const Host& each : a) {
          if (!in_b.contains(each)) rest.insert(each);
        }
        // Who gains has read, and so counts for those it read from.
        const bool has_gainer = in_b.contains(host(n + 1));
        if (!has_gainer && ReplicaSet{b, {}}.can_read(in_b)) CHECK_FALSE(ReplicaSet{a, {}}.is_written(rest));
      }
    }
  }
}

TEST_CASE("what one host of a ring has put every host gets, also when one is away", "[ring]") {
  Group group(3);
  group.found(3);
  REQUIRE(is_stored(group.put(1, "k", "v")));
  for (std::uint64_t id : {1, 2, 3}) CHECK(group.get(id, "k") == "v");
  group.stop(2);
  CHECK(group.get(3, "k") == "v");
  REQUIRE(is_stored(group.put(3, "k", "w")));
  CHECK(group.get(1, "k") == "w");
  // Back again, it is asked, and another one is away.
  group.start(2);
  group.run();
  group.stop(3);
  CHECK(group.get(2, "k") == "w");
}

TEST_CASE("a large value travels in chunks", "[ring]") {
  Group group(3);
  group.found(3);
  std::string large;
  for (int i = 0; large.size() < 1'000'000; ++i) large += std::to_string(i);
  REQUIRE(is_stored(group.put(1, "large", large)));
  group.stop(1);
  CHECK(group.get(2, "large") == large);
}

TEST_CASE("whoever waits so long only is answered then, and not at the next turn of all others", "[ring]") {
  Group group(3);
  group.found(3);
  group.stop(2);
  group.stop(3);
  const std::uint64_t put = group.begin(1, Put{"r", "k", 1, {}, {}, std::chrono::milliseconds(330)}, "v");
  const std::uint64_t get = group.begin(1, Get{"r", "k", {}, {}, std::chrono::milliseconds(330)});
  group.run();  // half a second
  CHECK(group.told.contains(put));
  CHECK(group.told.contains(get));
}

TEST_CASE("without a majority nothing is acknowledged, and it is said what was stored", "[ring]") {
  Group group(3);
  group.found(3);
  REQUIRE(is_stored(group.put(1, "k", "v")));
  group.stop(2);
  group.stop(3);
  CHECK(std::holds_alternative<NoQuorum>(group.put(1, "k", "w")));
  CHECK(group.get(1, "k") == "no quorum");
  group.start(2);
  // Its answers do not come back any more once it has read.
  const std::uint64_t request = group.begin(1, Put{"r", "k", 1, {}, {}, std::chrono::seconds(2)}, "x");
  for (int i = 0; i < 20 && !group.told.contains(request); ++i) group.run();
  CHECK(is_stored(group.told.at(request)));
}

TEST_CASE("a write ends when the disks of a majority are full, and says what was stored", "[ring]") {
  Group group(3);
  group.found(3);
  const Put put{"r", "k", 1, {}, {}, {}};  // whoever puts waits as long as it takes
  REQUIRE(is_stored(group.ask(1, put, "v")));
  group.full = {2};
  CHECK(is_stored(group.ask(1, put, "w")));
  group.full = {2, 3};
  CHECK(group.ask(1, put, "x") == Answer(Partly{2, 1, 3}));
  group.full = {1, 2, 3};
  const Answer refused = group.ask(1, put, "y");
  REQUIRE(std::holds_alternative<Refused>(refused));
  CHECK(std::get<Refused>(refused).why == Why::full);
  CHECK(group.get(2, "k") == "x");
  group.full.clear();
  CHECK(is_stored(group.ask(1, put, "z")));
  CHECK(group.get(3, "k") == "z");
}

TEST_CASE("disks of two are full and the third host is away: a write ends all the same", "[ring]") {
  Group group(3);
  group.found(3);
  REQUIRE(is_stored(group.put(1, "k", "v")));
  group.full = {1, 2};
  group.stop(3);
  CHECK(group.ask(1, Put{"r", "k", 1, {}, {}, {}}, "w") == Answer(Partly{2, 0, 3}));
}

TEST_CASE("a host that cannot reserve numbers for its writes says that its disk is full", "[ring]") {
  Group group(3);
  group.found(3);
  group.full = {1};
  const Answer refused = group.ask(1, Put{"r", "k", 1, {}, {}, {}}, "v");
  REQUIRE(std::holds_alternative<Refused>(refused));
  CHECK(std::get<Refused>(refused).why == Why::full);
  CHECK(is_stored(group.ask(2, Put{"r", "k", 1, {}, {}, {}}, "v")));
  group.full.clear();
  CHECK(is_stored(group.ask(1, Put{"r", "k", 1, {}, {}, {}}, "w")));
}

TEST_CASE("a host that joins with a full disk reads all once it has room", "[ring]") {
  Group group(4);
  group.found(3);
  for (int i = 0; i < 60; ++i) REQUIRE(is_stored(group.put(1 + i % 3, "k" + std::to_string(i), "v")));
  group.full = {4};
  const Token number = group.join(4);
  const std::uint64_t wait = group.begin(4, AwaitHandOver{"r", number});
  for (int i = 0; i < 4; ++i) group.run();
  CHECK_FALSE(group.told.contains(wait));
  group.full.clear();
  for (int i = 0; i < 20 && !group.told.contains(wait); ++i) group.run();
  CHECK(group.told.contains(wait));
}

TEST_CASE("the last host's ring has ended and nobody has told its disk: its ring is its own again",
          "[ring]") {
  Group group(1);
  group.found(1);
  REQUIRE(is_stored(group.put(1, "k", "v")));
  SECTION("while it runs") {
    group.end_ring();
  }
  SECTION("while it was away") {
    group.stop(1);
    group.end_ring();
    group.start(1);
    group.hold(1);
  }
  group.run();
  CHECK(group.standing(1) == Replicas::Standing::alone);
}

TEST_CASE("a host that starts and has not heard yet that it has joined does not forget its ring", "[ring]") {
  Group group(1);
  group.agree_without({1});
  group.behind.clear();
  group.found(1);
  group.stop(1);
  group.behind = {1};
  group.start(1);
  group.hold(1);
  group.run();
  CHECK(group.standing(1) == Replicas::Standing::unknown);
  group.behind.clear();
  group.run();
  CHECK(group.standing(1) == Replicas::Standing::member);
}

TEST_CASE("who joins has all that it is to keep before the others' copies may go", "[ring]") {
  Group group(5);
  group.found(3);
  for (int i = 0; i < 40; ++i) REQUIRE(is_stored(group.put(1 + i % 3, "k" + std::to_string(i), "v")));
  REQUIRE(group.whole_join(4));
  REQUIRE(group.whole_join(5));
  for (int i = 0; i < 40; ++i) CHECK(group.get(1 + i % 5, "k" + std::to_string(i)) == "v");
  // Any one is away.
  group.stop(1);
  for (int i = 0; i < 40; ++i) CHECK(group.get(4, "k" + std::to_string(i)) == "v");
}

TEST_CASE("who leaves hands over first", "[ring]") {
  Group group(4);
  group.found(4);
  for (int i = 0; i < 40; ++i) REQUIRE(is_stored(group.put(1, "k" + std::to_string(i), "v")));
  const Token number = group.leave(1);
  REQUIRE(std::holds_alternative<HandedOver>(group.ask(1, AwaitHandOver{"r", number})));
  group.settle();
  group.stop(1);
  group.stop(2);
  for (int i = 0; i < 40; ++i) CHECK(group.get(3, "k" + std::to_string(i)) == "v");
}

TEST_CASE("a change is not settled before who gains has read from a majority", "[ring]") {
  Group group(4);
  group.found(3);
  REQUIRE(is_stored(group.put(1, "k", "v")));
  group.stop(1);
  group.stop(2);
  const Token number = group.join(4);
  const std::uint64_t wait = group.begin(4, AwaitHandOver{"r", number});
  for (int i = 0; i < 6; ++i) group.run();
  CHECK_FALSE(group.told.contains(wait));
  group.start(2);
  for (int i = 0; i < 6; ++i) group.run();
  CHECK(group.told.contains(wait));
}

TEST_CASE("a host that lost its disk answers for nothing until it has come in again", "[ring]") {
  Group group(3);
  group.found(3);
  group.stop(3);
  REQUIRE(is_stored(group.put(1, "k", "v")));
  group.lose_disk(2);
  group.start(2);
  group.start(3);
  group.stop(1);
  group.run();
  // 3 was away, 2 has lost it: together they would say that there is no such key.
  CHECK(group.get(3, "k") == "no quorum");
  group.start(1);
  group.run();
  REQUIRE(group.whole_join(2));
  group.stop(1);
  CHECK(group.get(3, "k") == "v");
}

TEST_CASE("a host that was cut off and comes back is asked for what it knows, and learns the rest",
          "[ring]") {
  Group group(3);
  group.found(3);
  REQUIRE(is_stored(group.put(1, "k", "old")));
  for (std::uint64_t id : {2, 3}) {
    group.cut.insert({1, id});
    group.cut.insert({id, 1});
  }
  REQUIRE(is_stored(group.put(2, "k", "new")));
  CHECK(group.get(1, "k") == "no quorum");
  group.cut.clear();
  CHECK(group.get(1, "k") == "new");
}

TEST_CASE("copies of another number of the ring do not answer", "[ring]") {
  Group group(3);
  group.found(3);
  REQUIRE(is_stored(group.put(1, "k", "old")));
  group.agree_without({1});
  group.agree();
  CHECK(std::holds_alternative<NoQuorum>(group.put(1, "k", "new")));
  CHECK(group.get(1, "k") == "no quorum");
  CHECK(group.get(2, "k") == "old");
  group.behind.clear();
  CHECK(group.get(1, "k") == "old");
}

TEST_CASE("writes of one key by way of one host come one after the other", "[ring]") {
  Group group(3);
  group.found(3);
  const std::vector<Dot> nothing;
  const std::uint64_t a = group.begin(1, Put{"r", "k", 1, {}, nothing, {}}, "a");
  const std::uint64_t b = group.begin(1, Put{"r", "k", 1, {}, nothing, {}}, "b");
  for (int i = 0; i < 4; ++i) group.run();
  REQUIRE((is_stored(group.told.at(a)) && is_stored(group.told.at(b))));
  CHECK(group.get(2, "k") == "siblings");
}

TEST_CASE("of writes by two hosts at once neither is lost, and a later one ends both", "[ring]") {
  Group group(3);
  group.found(3);
  const std::uint64_t a = group.begin(1, Put{"r", "k", 1, {}, {}, {}}, "a");
  const std::uint64_t b = group.begin(2, Put{"r", "k", 1, {}, {}, {}}, "b");
  for (int i = 0; i < 4; ++i) group.run();
  REQUIRE((is_stored(group.told.at(a)) && is_stored(group.told.at(b))));
  CHECK(group.get(3, "k") == "siblings");
  REQUIRE(is_stored(group.put(3, "k", "c")));
  for (std::uint64_t id : {1, 2, 3}) CHECK(group.get(id, "k") == "c");
}

TEST_CASE("a removed key stays removed when a host that was away comes back", "[ring]") {
  Group group(3);
  group.found(3);
  REQUIRE(is_stored(group.put(1, "k", "v")));
  group.stop(3);
  REQUIRE(is_stored(group.ask(1, Remove{"r", "k", {}, {}})));
  group.start(3);
  group.run();
  group.stop(1);
  CHECK(group.get(3, "k") == "absent");
}

TEST_CASE("a listing has the keys of all hosts, and names whom it misses", "[ring]") {
  Group group(5);
  group.found(5);
  for (int i = 0; i < 30; ++i) REQUIRE(is_stored(group.put(1, "k" + std::to_string(i), "v")));
  const auto all = std::get<Page>(group.ask(2, List{"r", "", "", false, {}}));
  CHECK(all.rows.size() == 30);
  CHECK(all.unreachable.empty());
  for (std::uint64_t id : {3, 4, 5}) group.stop(id);
  const auto some = std::get<Page>(group.ask(2, List{"r", "", "", false, {}}));
  CHECK_FALSE(some.unreachable.empty());
}

TEST_CASE("a user's quota is each host's, and what was acknowledged is handed over all the same", "[ring]") {
  Group group(4);
  group.found(3);
  CHECK(is_stored(group.put(1, "@u/a", "v")));
  CHECK(is_stored(group.put(1, "@u/b", "v")));
  group.quota = {1, 0};
  for (std::uint64_t id = 1; id <= 4; ++id) {
    group.stop(id);
    group.start(id);
  }
  group.run();
  for (const Answer& answer : {group.put(1, "@u/c", "v"), group.put_one(1, "@u/c", "v")}) {
    const auto* refusal = std::get_if<Refused>(&answer);
    REQUIRE(refusal != nullptr);
    CHECK(refusal->why == Why::quota);
  }
  CHECK(is_stored(group.put(1, "@v/c", "v")));
  REQUIRE(group.whole_join(4));
  for (int i = 0; i < 4; ++i) group.run();
  for (const char* key : {"@u/a", "@u/b"}) CHECK(group.get(4, key) == "v");
}

TEST_CASE("a listing over several hosts names no key of another user", "[ring]") {
  Group group(3);
  group.found(3);
  for (const char* key : {"@v/hidden", "@w/own", "a", "z"}) CHECK(is_stored(group.put(1, key, "v")));
  CHECK(is_stored(group.ask(1, Remove{"r", "a", {}, {}})));
  group.user = "w";
  const Answer answer = group.ask(2, List{"r", "", ""});
  REQUIRE(std::holds_alternative<Page>(answer));
  std::vector<std::string> keys;
  for (const Row& row : std::get<Page>(answer).rows) keys.push_back(row.key);
  CHECK(keys == std::vector<std::string>{"@w/own", "z"});
  CHECK(std::get<Page>(answer).last == "z");
}

TEST_CASE("who waits while another host's command settles that this one has left is answered", "[ring]") {
  Group group(3);
  group.found(3);
  group.run();
  for (const std::uint64_t other : {2, 3}) group.part(1, other);
  CHECK(is_stored(group.put_one(1, "k", "v")));
  const Token number = group.leave(1);
  const std::uint64_t leaves = group.begin(1, AwaitHandOver{"r", number});
  const std::uint64_t keys = group.begin(1, List{"r", "", ""});
  group.run();
  CHECK_FALSE(group.told.contains(leaves));
  CHECK_FALSE(group.told.contains(keys));
  group.settle();
  group.run();
  REQUIRE(group.told.contains(leaves));
  CHECK(std::holds_alternative<HandedOver>(group.told.at(leaves)));
  REQUIRE(group.told.contains(keys));
  CHECK(std::holds_alternative<NoQuorum>(group.told.at(keys)));
}

// Its disk says late what it has, and later what it was given to keep.
TEST_CASE("a host that begins again while it joins reads all that it gains", "[ring]") {
  Group group(4);
  group.found(3);
  for (int i = 0; i < 60; ++i) group.begin(1, Put{"r", std::to_string(i), 1, {}, {}, {}}, "v");
  group.run();
  const Token number = group.join(4);
  group.stop(4);
  bool tells = false, keeps = false;
  group.stuck = [&](std::uint64_t host, const Inner& what) {
    return host == 4 && ((!tells && std::holds_alternative<ReadMemberships>(what)) ||
                         (!keeps && std::holds_alternative<Merge>(what)));
  };
  group.start(4);
  group.run();
  tells = true;
  group.loses = [](std::uint64_t, std::uint64_t to, const copies::Message& message) {
    return to == 4 && std::holds_alternative<copies::RowsAre>(message);
  };
  group.run();
  keeps = true;
  group.run();
  group.loses = nullptr;
  CHECK(std::holds_alternative<HandedOver>(group.ask(4, AwaitHandOver{"r", number})));
}

TEST_CASE("what is left of an earlier membership counts towards no quota", "[ring]") {
  Group group(2);
  group.found(2);
  CHECK(is_stored(group.put(1, "@u/a", "v")));
  group.run();
  const Token number = group.leave(2);
  REQUIRE(std::holds_alternative<HandedOver>(group.ask(2, AwaitHandOver{"r", number})));
  group.settle();
  group.run();
  REQUIRE(group.whole_join(2));
  group.quota = {2, 0};
  group.stop(2);
  group.start(2);
  group.run();
  CHECK(is_stored(group.put(1, "@u/b", "v")));
  CHECK_FALSE(is_stored(group.put(1, "@u/c", "v")));
}
