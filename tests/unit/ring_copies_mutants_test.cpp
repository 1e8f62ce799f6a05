// SPDX-License-Identifier: MIT
// As ring_mutants_test.cpp: rules of what a copy says, takes and gives away.
#include <functional>

#include "base/rule.hpp"
#include "ring/session.hpp"
#include "ring_group.hpp"
#include "ring_person.hpp"

using namespace coord;
using namespace coord::ring;

namespace {

const Duration second = std::chrono::seconds(1);
const std::vector<Dot> nothing;

void run(Group& group, int times) {
  for (int i = 0; i < times; ++i) group.run();
}

// What that host has of a version, by itself.
std::string value_at(Group& group, std::uint64_t at, const std::string& key, const Dot& dot) {
  const Answer answer = group.ask(at, Get{"r", key, dot, 0, second, Consistency::one});
  const auto* found = std::get_if<Found>(&answer);
  return found == nullptr ? "nothing" : std::string(found->chunk.begin(), found->chunk.end());
}

// Host 3 asks host 1, whose disk is slow, for the first of two siblings twice, and then for the second one.
bool late_chunk_is_of_its_version() {
  Group group(3);
  group.found(3);
  group.stop(3);
  const Answer one = group.ask(1, Put{"r", "k", 4, {}, nothing, {}}, "aaaa");
  const Answer other = group.ask(1, Put{"r", "k", 4, {}, nothing, {}}, "bbbb");
  if (!is_stored(one) || !is_stored(other)) return false;
  group.stop(2);
  bool is_slow = true;
  group.stuck = [&](std::uint64_t host, const Inner& what) {
    return host == 1 && is_slow && std::holds_alternative<ReadChunk>(what);
  };
  group.start(3);
  run(group, 4);
  is_slow = false;
  run(group, 4);
  return value_at(group, 3, "k", std::get<Stored>(one).dot) == "aaaa" &&
         value_at(group, 3, "k", std::get<Stored>(other).dot) == "bbbb";
}

// What host 3 stores before it has come in again goes when it does.
bool new_disk_stores_nothing() {
  Group group(3);
  group.found(3);
  group.lose_disk(3);
  group.start(3);
  group.run();
  group.loses = [](std::uint64_t, std::uint64_t to, const copies::Message& message) {
    return to == 2 && std::holds_alternative<copies::Store>(message);
  };
  return !is_stored(group.put(1, "k", "v"));
}

// Host 3 has lost its disk, and gains something when host 4 leaves: with that alone it is not whole.
bool new_disk_reads_all() {
  Group group(4);
  group.found(4);
  const std::string key = group.key_on({1, 2, 3});
  if (!is_stored(group.put(1, key, "v"))) return false;
  group.lose_disk(3);
  group.start(3);
  group.run();
  // What it misses it hears of by the change alone.
  group.loses = [](std::uint64_t, std::uint64_t to, const copies::Message& message) {
    return to == 3 && std::holds_alternative<copies::DigestIs>(message);
  };
  const Token number = group.leave(4);
  if (!std::holds_alternative<HandedOver>(group.ask(1, AwaitHandOver{"r", number}))) return false;
  group.settle();
  run(group, 2);
  return group.get_one(3, key) == "v";
}

// Host 4 has not heard that host 3 keeps the key no more, and reaches nobody else.
bool one_copy_is_of_the_key() {
  Group group(5);
  group.found(4);
  const std::string key = group.key_that_moves(5);
  if (!is_stored(group.put(1, key, "v"))) return false;
  group.run();
  group.agree_without({4});
  if (!group.whole_join(5)) return false;
  run(group, 8);
  if (group.keeps(3, key)) return false;
  group.part(4, 1);
  group.part(4, 2);
  return group.get_one(4, key) != "absent";
}

// Bob replaces what he has read, and was not told what alice's version of it followed.
bool untold_dependencies_are_inherited() {
  Group group(3);
  group.found(3);
  for (const std::uint64_t other : {1, 2}) group.part(3, other);
  group.user = "alice";
  Person alice{group};
  if (!is_stored(alice.put(1, "@alice/question")) || !is_stored(alice.put(1, "reply"))) return false;
  group.user = "bob";
  Person bob{group};
  if (!is_stored(bob.put(2, "reply", "w")) || bob.knows("@alice/question")) return false;
  group.user = "alice";
  Person reader{group};
  return std::holds_alternative<Found>(reader.get(2, "reply")) && reader.knows("@alice/question");
}

// One of the versions is collected, and host 3 lacks the other one.
bool collected_versions_are_judged_singly() {
  Group group(3);
  group.found(3);
  group.loses = [](std::uint64_t, std::uint64_t to, const copies::Message& message) {
    return to == 3 && (std::holds_alternative<copies::Store>(message) ||
                       std::holds_alternative<copies::RowsAre>(message));
  };
  const Answer stored = group.put_one(2, "k", "v");
  if (!is_stored(stored)) return false;
  const std::vector<Dot> seen{std::get<Stored>(stored).dot, {NodeId{77}, 1}};
  return !std::holds_alternative<HandedOver>(group.ask(1, AskEverywhere{"r", "k", seen, second}));
}

// The second of the versions that are named is on host 2 alone, which answers late.
bool named_versions_are_heard_of() {
  Group group(3);
  group.found(3);
  const Answer one = group.put(1, "k", "one");
  group.run();
  group.part(2, 1);
  group.part(2, 3);
  const Answer other = group.put_one(2, "k", "other", nothing);
  if (!is_stored(one) || !is_stored(other)) return false;
  group.pass(std::chrono::minutes(1));
  group.run();
  group.cut.clear();
  group.held = {{2, 1}};
  const std::vector<Dot> named{std::get<Stored>(one).dot, std::get<Stored>(other).dot};
  const std::uint64_t put = group.begin(1, Put{"r", "k", 3, {}, named, 10 * second}, "new");
  run(group, 2);
  group.release();
  run(group, 4);
  group.see(1, 2);
  group.see(2, 3);
  run(group, 4);
  return group.told.contains(put) && is_stored(group.told.at(put)) && group.get(1, "k") == "new";
}

}  // namespace

TEST_CASE("every rule of what a copy says and takes that is removed is noticed", "[ring]") {
  const std::vector<std::pair<const char*, std::function<bool()>>> stories{
      {"ring_chunk_is_of_its_version", late_chunk_is_of_its_version},
      {"ring_new_disk_stores_nothing", new_disk_stores_nothing},
      {"ring_new_disk_reads_all_that_it_keeps", new_disk_reads_all},
      {"ring_one_copy_is_of_the_key", one_copy_is_of_the_key},
      {"ring_untold_dependencies_are_inherited", untold_dependencies_are_inherited},
      {"ring_collected_versions_are_judged_singly", collected_versions_are_judged_singly},
      {"ring_named_versions_are_heard_of", named_versions_are_heard_of}};
  for (const auto& [rule, story] : stories) {
    INFO(rule);
    CHECK(story());
    mutants::removed = rule;
    const bool is_right = story();
    mutants::removed.clear();
    CHECK_FALSE(is_right);
  }
}
