// SPDX-License-Identifier: MIT
// Reads and writes of one copy, and a ring whose majority is lost.
#include "ring_group.hpp"

using namespace coord;
using namespace coord::ring;

TEST_CASE("one copy is enough to write and to read, and the others follow", "[ring]") {
  Group group(4);
  group.found(4);
  const std::string key = group.key_on({1, 2, 3});
  for (const std::uint64_t away : {2, 3, 4}) group.part(1, away);
  CHECK_FALSE(is_stored(group.put(1, key, "v")));
  CHECK(is_stored(group.put_one(1, key, "v")));
  CHECK(group.get_one(1, key) == "v");
  CHECK(group.get(1, key) == "no quorum");
  CHECK(group.get_one(2, key) == "absent");
  group.cut.clear();
  for (const std::uint64_t other : {2, 3}) group.see(other, 1);
  for (int i = 0; i < 4; ++i) group.run();
  CHECK(group.get(2, key) == "v");
  group.stop(1);
  CHECK(group.get(3, key) == "v");
}

TEST_CASE("a host without a copy has it written by one, also where the value takes several messages",
          "[ring]") {
  Group group(4);
  group.found(4);
  const std::string key = group.key_on({1, 2, 3});
  const std::string large(700'000, 'x');
  CHECK(is_stored(group.put_one(4, key, large)));
  CHECK(group.get_one(4, key) == large);
  group.run();
  CHECK(group.get(2, key) == large);
  CHECK(is_stored(group.ask(4, Remove{"r", key, {}, {}, Consistency::one})));
  CHECK(std::holds_alternative<Absent>(group.ask(4, Remove{"r", key, {}, {}, Consistency::one})));
  group.run();
  CHECK(group.get(2, key) == "absent");
}

TEST_CASE("writes of one copy on both sides of a cut become siblings", "[ring]") {
  Group group(3);
  group.found(3);
  CHECK(is_stored(group.put(1, "k", "before")));
  group.run();
  for (const std::uint64_t away : {2, 3}) group.part(1, away);
  CHECK(is_stored(group.put_one(1, "k", "one")));
  CHECK(is_stored(group.put_one(1, "k", "one again")));
  CHECK(is_stored(group.put(2, "k", "two")));
  group.cut.clear();
  group.see(2, 1);
  group.see(3, 1);
  for (int i = 0; i < 4; ++i) group.run();
  CHECK(group.get(2, "k") == "siblings");
  CHECK(is_stored(group.put(3, "k", "all")));
  CHECK(group.get(2, "k") == "all");
}

TEST_CASE("the disk of one copy is full: another one writes, and without any it is refused", "[ring]") {
  Group group(3);
  group.found(3);
  group.full = {1};
  CHECK(is_stored(group.put_one(1, "k", "v")));
  CHECK(group.get(2, "k") == "v");
  group.full = {1, 2, 3};
  const Answer answer = group.put_one(1, "k", "w");
  REQUIRE(std::holds_alternative<Refused>(answer));
  CHECK(std::get<Refused>(answer).why == Why::full);
  CHECK(group.get(2, "k") == "v");
}

TEST_CASE("nobody of a key's copies answers: neither read nor written, and nothing is stored later",
          "[ring]") {
  Group group(4);
  group.found(4);
  const std::string key = group.key_on({1, 2, 3});
  for (const std::uint64_t away : {1, 2, 3}) group.part(4, away);
  CHECK(std::holds_alternative<NoQuorum>(group.put_one(4, key, "v")));
  CHECK(group.get_one(4, key) == "nobody");
  group.cut.clear();
  for (int i = 0; i < 4; ++i) group.run();
  CHECK(group.get(1, key) == "absent");
}

TEST_CASE("what is left of a ring whose majority is lost is adopted", "[ring]") {
  Group group(5);
  group.found(5);
  for (int i = 0; i < 30; ++i) CHECK(is_stored(group.put(1, std::to_string(i), "v")));
  group.run();
  const std::string key = group.key_on({1, 4, 5});
  CHECK(is_stored(group.put(1, key, "v")));
  group.run();
  group.stop(4);
  group.stop(5);
  CHECK(group.get(1, key) == "no quorum");
  REQUIRE(group.adopt(1, {NodeId{4}, NodeId{5}}));
  REQUIRE(group.adopt(1, {NodeId{5}, NodeId{4}}));
  CHECK(group.get(2, key) == "v");
  for (int i = 0; i < 30; ++i) CHECK(group.get(3, std::to_string(i)) == "v");
  CHECK(is_stored(group.put(2, key, "w")));
  CHECK(group.get(3, key) == "w");
}

TEST_CASE("without a word that hosts are lost a change waits for them", "[ring]") {
  Group group(5);
  group.found(5);
  group.stop(4);
  group.stop(5);
  const Token number = group.leave(4);
  const std::uint64_t wait = group.begin(1, AwaitHandOver{"r", number});
  for (int i = 0; i < 4; ++i) group.run();
  CHECK_FALSE(group.told.contains(wait));
}

TEST_CASE("what was written to one copy, and nobody else has, is handed over by its host when it leaves",
          "[ring]") {
  Group group(4);
  group.found(4);
  const std::string key = group.key_on({1, 2, 3}), large(600'000, 'x');
  for (const std::uint64_t away : {2, 3, 4}) group.part(1, away);
  CHECK(is_stored(group.put_one(1, key, "v")));
  const std::string other = group.key_on({1, 2, 4});
  CHECK(is_stored(group.put_one(1, other, large)));
  group.cut.clear();
  group.stop(3);  // a majority is enough
  const Token number = group.leave(1);
  const Answer left = group.ask(1, AwaitHandOver{"r", number});
  CHECK_FALSE(std::holds_alternative<HandedOver>(left));  // host 3 gains keys, and has not read them
  group.start(3);
  REQUIRE(std::holds_alternative<HandedOver>(group.ask(1, AwaitHandOver{"r", number})));
  group.settle();
  group.stop(1);
  CHECK(group.get(2, key) == "v");
  CHECK(group.get(4, other) == large);
}

TEST_CASE("a host that leaves writes nothing by itself, and another copy does", "[ring]") {
  Group group(4);
  group.found(4);
  const std::string key = group.key_on({1, 2, 3});
  const Token number = group.leave(1);
  CHECK(is_stored(group.put_one(1, key, "at the leaver")));
  CHECK(is_stored(group.put_one(4, key, "elsewhere")));
  REQUIRE(std::holds_alternative<HandedOver>(group.ask(1, AwaitHandOver{"r", number})));
  group.settle();
  CHECK(group.get(2, key) == "elsewhere");
}

TEST_CASE("a copy that falls silent before it writes is passed over", "[ring]") {
  Group group(4);
  group.found(4);
  const std::string key = group.key_on({1, 2, 3});
  group.loses = [](std::uint64_t, std::uint64_t to, const copies::Message& message) {
    return to == 1 && std::holds_alternative<copies::WriteOne>(message);
  };
  const Request put{Put{"r", key, 1, {}, {}, std::chrono::seconds(8), Consistency::one}};
  CHECK(is_stored(group.ask(4, put, "v")));
  CHECK(group.get(2, key) == "v");
  // With nobody else it is not known whether it is stored.
  group.stop(2);
  group.stop(3);
  const Answer answer = group.ask(4, put, "w");
  CHECK(std::holds_alternative<Partly>(answer));
}

TEST_CASE(
    "a disk that does not end its writes holds 64 MiB of values at most, and the rest is written elsewhere",
    "[ring]") {
  Group group(3);
  group.found(3);
  group.stuck = [](std::uint64_t host, const Inner& what) {
    return host == 1 && std::holds_alternative<WriteHere>(what);
  };
  const std::string value(chunk_bytes, 'x');
  std::vector<std::uint64_t> all;
  for (int i = 0; i < 280; ++i) {
    all.push_back(
        group.begin(1, Put{"r", std::to_string(i), value.size(), {}, {}, {}, Consistency::one}, value));
  }
  for (int i = 0; i < 4; ++i) group.run();
  const auto done = [&] {
    return std::ranges::count_if(all, [&](std::uint64_t each) { return group.told.contains(each); });
  };
  CHECK(done() == 280 - static_cast<std::ptrdiff_t>(most_taking_bytes / chunk_bytes));
  group.stuck = nullptr;
  for (int i = 0; i < 4; ++i) group.run();
  CHECK(done() == 280);
}

TEST_CASE("a host that answers is not lost, whatever a command says", "[ring]") {
  Group group(5);
  group.found(5);
  group.stop(5);
  const auto refused = [](const Answer& answer) {
    const auto* why = std::get_if<Refused>(&answer);
    return why != nullptr && why->why == Why::living;
  };
  CHECK(refused(group.ask(1, AwaitHandOver{"r", Token{}, {NodeId{4}, NodeId{5}}})));
  CHECK(std::holds_alternative<HandedOver>(group.ask(1, AwaitHandOver{"r", Token{}, {NodeId{5}}})));
  const Token number = group.leave(4);
  CHECK(refused(group.ask(1, AwaitHandOver{"r", number, {NodeId{4}, NodeId{5}}})));
}

TEST_CASE("fewer copies than a majority answer where that was said to be enough, and more where it is wanted",
          "[ring]") {
  Group group(5);
  group.found(5);
  group.ring.replicas = 5;
  group.agree();
  const auto put = [&](std::uint64_t at, const Copies& copies) {
    return group.ask(at, Put{"r", "k", 1, {}, {}, std::chrono::seconds(2), Consistency::quorum, {}, copies},
                     "v");
  };
  const auto get = [&](std::uint64_t at, const Copies& copies) {
    return group.ask(at, Get{"r", "k", {}, 0, std::chrono::seconds(2), Consistency::quorum, {}, copies});
  };
  const auto is_refused = [](const Answer& answer) {
    const auto* refusal = std::get_if<Refused>(&answer);
    return refusal != nullptr && refusal->why == Why::usage;
  };
  CHECK(is_refused(put(1, {2, false})));
  CHECK(is_refused(get(1, {2, false})));
  CHECK(is_refused(put(1, {6, true})));
  CHECK(is_stored(put(1, {5, false})));
  for (std::uint64_t away : {3, 4, 5}) group.stop(away);
  const auto is_partly = [](const Answer& answer, std::uint64_t wanted, std::uint64_t stored) {
    const auto* partly = std::get_if<Partly>(&answer);
    return partly != nullptr && partly->wanted == wanted && partly->stored == stored;
  };
  CHECK(is_stored(put(1, {2, true})));
  CHECK(std::holds_alternative<Found>(get(2, {2, true})));
  CHECK(std::holds_alternative<NoQuorum>(get(2, {3, false})));
  group.stop(2);
  CHECK(is_partly(put(1, {2, true}), 2, 1));
  CHECK(std::holds_alternative<NoQuorum>(get(1, {2, true})));
  // The third copy comes back, and the write that waits for it ends.
  const std::uint64_t wait =
      group.begin(1, Put{"r", "k", 1, {}, {}, {}, Consistency::quorum, {}, {2, true}}, "v");
  for (int i = 0; i < 4; ++i) group.run();
  CHECK_FALSE(group.told.contains(wait));
  group.start(2);
  for (int i = 0; i < 8; ++i) group.run();
  REQUIRE(group.told.contains(wait));
  CHECK(is_stored(group.told.at(wait)));
}

TEST_CASE("a key takes no more values than another copy can take at once, whatever versions are named",
          "[ring]") {
  Group group(3);
  group.found(3);
  const std::vector<Dot> nothing(50, Dot{NodeId{99}, 1});
  const std::string large(largest_value, 'x');
  for (int i = 0; i < 2; ++i) CHECK(is_stored(group.put_one(1, "k", large, nothing)));
  const auto is_refused = [](const Answer& answer) {
    const auto* refusal = std::get_if<Refused>(&answer);
    return refusal != nullptr && refusal->why == Why::usage;
  };
  CHECK(is_refused(group.put_one(1, "k", "x", nothing)));
  for (std::size_t i = 0; i < most_siblings; ++i) {
    group.begin(1, Put{"r", "many", 1, {}, nothing, {}, Consistency::one}, "x");
    if (i % 10 == 9) group.run();
  }
  CHECK(is_refused(group.put_one(1, "many", "x", nothing)));
  CHECK(is_stored(group.put_one(1, "many", "x")));
}

TEST_CASE("a disk that was restored from an older copy gives no number twice, and another copy writes",
          "[ring]") {
  Group group(3);
  group.found(3);
  group.stop(1);
  const std::string file = group.file(1), older = file + ".older";
  std::filesystem::copy_file(file, older);
  group.start(1);
  group.run();
  CHECK(is_stored(group.put_one(1, "k", "v")));
  group.run();
  group.stop(1);
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(file + suffix);
  std::filesystem::copy_file(older, file);
  group.start(1);
  for (int i = 0; i < 4; ++i) group.run();
  REQUIRE(group.get_one(1, "k") == "v");
  CHECK(is_stored(group.put_one(1, "k", "w")));
  group.run();
  CHECK(group.get(2, "k") == "w");
}

TEST_CASE("no quota keeps an acknowledged value from the hosts that are to have it", "[ring]") {
  Group group(3);
  group.found(3);
  group.quota = {1, 0};
  for (const std::uint64_t host : {2, 3}) {
    group.stop(host);
    group.start(host);
  }
  group.run();
  CHECK(is_stored(group.put(1, "@u/a", "v")));
  group.run();
  CHECK_FALSE(is_stored(group.put(1, "@u/b", "v")));
  CHECK(is_stored(group.put_one(1, "@u/c", "v")));
  const Token number = group.leave(1);
  REQUIRE(std::holds_alternative<HandedOver>(group.ask(1, AwaitHandOver{"r", number})));
  group.settle();
  CHECK(group.get(2, "@u/c") == "v");
}

TEST_CASE("two disks say no and the third copy does not write: refused, and not waited for", "[ring]") {
  Group group(4);
  group.found(4);
  const std::string key = group.key_on({1, 2, 3});
  const auto is_full = [](const Answer& answer) {
    const auto* refusal = std::get_if<Refused>(&answer);
    return refusal != nullptr && refusal->why == Why::full;
  };
  const Put put{"r", key, 1, {}, {}, {}, Consistency::one};
  group.leave(1);
  group.full = {2, 3};
  CHECK(is_full(group.ask(4, put, "v")));
}

TEST_CASE("a host that is silent and two disks that say no: whether it is stored is not known", "[ring]") {
  Group group(4);
  group.found(4);
  const std::string key = group.key_on({1, 2, 3});
  group.full = {2, 3};
  group.loses = [](std::uint64_t, std::uint64_t to, const copies::Message& message) {
    return to == 1 && std::holds_alternative<copies::WriteOne>(message);
  };
  const Answer answer = group.ask(4, Put{"r", key, 1, {}, {}, {}, Consistency::one}, "v");
  CHECK(std::holds_alternative<Partly>(answer));
}
