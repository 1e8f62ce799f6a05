// SPDX-License-Identifier: MIT
// The only host of a ring leaves it because it has no values: none may come after it has looked.
#include "base/random.hpp"
#include "ring_group.hpp"

using namespace coord;
using namespace coord::ring;

namespace {

bool closes(Group& group) {
  return std::holds_alternative<HandedOver>(group.ask(1, CloseRing{"r"}));
}

}  // namespace

TEST_CASE("the only host of a ring takes no values once it is closed, also after a restart", "[ring]") {
  Group group(1);
  REQUIRE(group.whole_join(1));
  const std::uint64_t put = group.begin(1, Put{"r", "k", 1, {}, {}, std::chrono::seconds(2)}, "v");
  REQUIRE(closes(group));
  for (int i = 0; i < 6; ++i) group.run();
  REQUIRE(group.told.contains(put));
  const auto* refused = std::get_if<NoQuorum>(&group.told.at(put));
  REQUIRE(refused != nullptr);
  CHECK(refused->text.find("about to leave") != std::string::npos);
  CHECK_FALSE(is_stored(group.put_one(1, "k", "v")));
  group.stop(1);
  group.start(1);
  group.run();
  CHECK_FALSE(is_stored(group.put(1, "k", "v")));
  CHECK_FALSE(group.keeps(1, "k"));
  // Not closed any more once the ring has another number.
  group.settle();
  CHECK(is_stored(group.put(1, "k", "v")));
  group.stop(1);
  group.start(1);
  group.run();
  CHECK(group.get(1, "k") == "v");
}

// The mark of the number before is on its way off the disk, and is not to take the new one with it.
TEST_CASE("a host that is closed again at once stays closed", "[ring]") {
  Group group(1);
  REQUIRE(group.whole_join(1));
  REQUIRE(closes(group));
  group.stuck = [](std::uint64_t, const Inner& what) { return std::holds_alternative<SetMembership>(what); };
  group.settle();
  const std::uint64_t closed = group.begin(1, CloseRing{"r"});
  group.run();
  CHECK_FALSE(group.told.contains(closed));
  // The old mark is off the disk, and the new one is not there yet.
  group.stuck = [](std::uint64_t, const Inner& what) {
    const auto* set = std::get_if<SetMembership>(&what);
    return set != nullptr && set->joined != 0;
  };
  CHECK_FALSE(is_stored(group.put(1, "k", "v")));
  group.stuck = nullptr;
  group.run();
  REQUIRE(group.told.contains(closed));
  CHECK(std::holds_alternative<HandedOver>(group.told.at(closed)));
  CHECK_FALSE(is_stored(group.put(1, "k", "v")));
  group.stop(1);
  group.start(1);
  group.run();
  CHECK_FALSE(is_stored(group.put(1, "k", "v")));
  CHECK_FALSE(group.keeps(1, "k"));
  group.settle();
  CHECK(is_stored(group.put(1, "k", "v")));
}

// A voter that was restarted knows what its snapshot says; the entries after it it reads once somebody leads.
TEST_CASE("a host that is closed is silent while it sees an earlier number of its ring", "[ring]") {
  Group group(1);
  REQUIRE(group.whole_join(1));
  const Token earlier = group.ring.number;
  group.settle();
  REQUIRE(closes(group));
  group.stop(1);
  group.start(1);
  group.read_earlier(earlier);
  // Nor does another word of a tool that sees that number.
  CHECK(closes(group));
  CHECK_FALSE(is_stored(group.put(1, "k", "v")));
  group.read_earlier(Token{earlier.value + 1});
  CHECK_FALSE(is_stored(group.put(1, "k", "v")));
  CHECK_FALSE(group.keeps(1, "k"));
  group.agree();
  CHECK(is_stored(group.put(1, "k", "v")));
}

// What has several chunks is read for a while: it began to come before.
TEST_CASE("a value that is on its way when a host is closed is not stored", "[ring]") {
  Group group(1);
  REQUIRE(group.whole_join(1));
  group.stuck = [](std::uint64_t, const Inner& what) { return std::holds_alternative<Merge>(what); };
  const std::string large(3 * chunk_bytes, 'v');
  const std::uint64_t put =
      group.begin(1, Put{"r", "k", large.size(), {}, {}, std::chrono::seconds(4)}, large);
  group.run();
  REQUIRE(closes(group));
  group.stuck = nullptr;
  for (int i = 0; i < 12; ++i) group.run();
  REQUIRE(group.told.contains(put));
  CHECK_FALSE(is_stored(group.told.at(put)));
  CHECK_FALSE(group.keeps(1, "k"));
}

TEST_CASE("a host that is closed goes on when another one comes, and one that is not alone is not closed",
          "[ring]") {
  Group group(2);
  REQUIRE(group.whole_join(1));
  REQUIRE(closes(group));
  REQUIRE(group.whole_join(2));
  CHECK(is_stored(group.put(1, "k", "v")));
  CHECK(std::holds_alternative<Absent>(group.ask(1, CloseRing{"r"})));
  CHECK(is_stored(group.put(1, "k", "w")));
  // Also once it is alone again.
  const Token number = group.leave(2);
  REQUIRE(std::holds_alternative<HandedOver>(group.ask(2, AwaitHandOver{"r", number})));
  group.settle();
  CHECK(is_stored(group.put(1, "k", "x")));
}

TEST_CASE(
    "whatever is put, closed, restarted and numbered anew: what was stored stays, and nothing comes while "
    "closed",
    "[ring]") {
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    Group group(1);
    REQUIRE(group.whole_join(1));
    const std::uint64_t first = group.ring.number.value;
    std::uint64_t seen = first, closed = 0;  // numbers of the ring: what the host reads, and is closed for
    std::vector<std::string> stored;
    for (int step = 0; step < 30; ++step) {
      CAPTURE(step);
      switch (random.below(6)) {
        case 0:
          REQUIRE(closes(group));
          closed = std::max(closed, seen);
          break;
        case 1:
          group.stop(1);
          group.start(1);
          seen = first + random.below(group.ring.number.value - first + 1);  // its log may be behind
          group.read_earlier(Token{seen});
          break;
        case 2:
          group.settle();
          seen = group.ring.number.value;
          break;
        default:
          const std::string key = std::to_string(step);
          const Answer told = random.below(2) == 0 ? group.put(1, key, "v") : group.put_one(1, key, "v");
          REQUIRE(is_stored(told) == (closed < seen));
          if (is_stored(told)) stored.push_back(key);
      }
      if (closed < seen) closed = 0;  // it has seen that it is not, and forgets that it was
    }
    group.settle();
    REQUIRE(is_stored(group.put(1, "last", "v")));
    for (const std::string& key : stored) REQUIRE(group.get(1, key) == "v");
  }
}
