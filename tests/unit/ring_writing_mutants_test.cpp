// SPDX-License-Identifier: MIT
// As ring_mutants_test.cpp: rules of a write that follows one which no majority is known to have.
#include <algorithm>
#include <functional>
#include <vector>

#include "base/rule.hpp"
#include "ring_group.hpp"

using namespace coord;
using namespace coord::ring;

namespace {

const std::vector<Dot> none_named;
const Duration short_of_hints = std::chrono::milliseconds(800);

// Key of hosts 2, 3 and 4, written by way of host 1: "first" is acknowledged, "second" is on host 2 alone,
// which is cut off then.
struct Unfinished {
  Group group{4};
  std::string key;
  Dot first{};

  bool is_made() {
    group.found(4);
    key = group.key_on({2, 3, 4});
    const Answer stored = group.put(1, key, "first");
    if (!is_stored(stored)) return false;
    first = std::get<Stored>(stored).dot;
    group.run();
    group.loses = [](std::uint64_t from, std::uint64_t to, const copies::Message& message) {
      return from == 1 && (to == 3 || to == 4) && std::holds_alternative<copies::Store>(message);
    };
    const Put unfinished{"r", key, 6, {}, {}, short_of_hints};
    if (!std::holds_alternative<Partly>(group.ask(1, unfinished, "second"))) return false;
    for (const std::uint64_t other : {1, 3, 4}) group.part(2, other);
    group.loses = nullptr;
    return true;
  }
  void heal() {
    group.cut.clear();
    for (const std::uint64_t other : {1, 3, 4}) group.see(2, other);
    for (int i = 0; i < 8; ++i) group.run();
  }
  Answer put_beside(const std::string& value) {
    return group.ask(1, Put{"r", key, value.size(), {}, none_named, short_of_hints}, value);
  }
  std::vector<Version> versions_at(std::uint64_t host) {
    const Answer answer = group.ask(host, Get{"r", key, {}, 0, std::chrono::seconds(2)});
    const auto* found = std::get_if<Found>(&answer);
    return found == nullptr ? std::vector<Version>() : found->versions;
  }
};

bool has(const std::vector<Version>& versions, const Dot& dot) {
  return std::ranges::find(versions, dot, &Version::dot) != versions.end();
}

// "third" leaves beside itself what it does not name, and "second" has replaced "first".
bool stays_beside(bool restarts) {
  Unfinished story;
  if (!story.is_made()) return false;
  if (restarts) {
    story.group.stop(1);
    story.group.start(1);
    story.group.run();
  }
  const Answer third = story.put_beside("third");
  if (!is_stored(third)) return false;
  story.heal();
  const std::vector<Version> versions = story.versions_at(2);
  return versions.size() == 2 && has(versions, std::get<Stored>(third).dot) && !has(versions, story.first);
}
bool unfinished_writes_are_known() {
  return stays_beside(false);
}
bool dots_are_of_one_life() {
  return stays_beside(true);
}
// Nobody who answers has anything to remove.
bool removed_stays_removed() {
  Group group(4);
  group.found(4);
  const std::string key = group.key_on({2, 3, 4});
  group.loses = [](std::uint64_t from, std::uint64_t to, const copies::Message& message) {
    return from == 1 && to > 2 && std::holds_alternative<copies::Store>(message);
  };
  const Put put{"r", key, 1, {}, {}, short_of_hints};
  if (!std::holds_alternative<Partly>(group.ask(1, put, "v"))) return false;
  for (const std::uint64_t other : {1, 3, 4}) group.part(2, other);
  group.loses = nullptr;
  if (!is_stored(group.ask(1, Remove{"r", key, {}, short_of_hints}))) return false;
  group.cut.clear();
  for (const std::uint64_t other : {1, 3, 4}) group.see(2, other);
  for (int i = 0; i < 8; ++i) group.run();
  return group.get(2, key) == "absent";
}
// What the write names is on host 2 alone, which is away: it would stand beside the new one.
bool one_copy_knows_what_is_named() {
  Group group(3);
  group.found(3);
  for (const std::uint64_t other : {1, 3}) group.part(2, other);
  const Answer named = group.put_one(2, "k", "named");
  if (!is_stored(named)) return false;
  const std::vector<Dot> replaces{std::get<Stored>(named).dot};
  const std::uint64_t put =
      group.begin(1, Put{"r", "k", 3, {}, replaces, std::chrono::seconds(20), Consistency::one}, "new");
  for (int i = 0; i < 4; ++i) group.run();
  group.cut.clear();
  for (const std::uint64_t other : {1, 3}) group.see(2, other);
  for (int i = 0; i < 16; ++i) group.run();
  return group.told.contains(put) && is_stored(group.told.at(put)) && group.get(2, "k") == "new";
}

}  // namespace

TEST_CASE("every rule of a write after one that is unfinished that is removed is noticed", "[ring]") {
  const std::vector<std::pair<const char*, std::function<bool()>>> stories{
      {"ring_unfinished_writes_are_known", unfinished_writes_are_known},
      {"ring_unfinished_writes_are_known", removed_stays_removed},
      {"ring_one_copy_knows_what_is_named", one_copy_knows_what_is_named},
      {"ring_dots_are_of_one_life", dots_are_of_one_life}};
  for (const auto& [rule, story] : stories) {
    INFO(rule);
    CHECK(story());
    mutants::removed = rule;
    const bool is_right = story();
    mutants::removed.clear();
    CHECK_FALSE(is_right);
  }
}

TEST_CASE("a write of all there is replaces one that is not known to be stored", "[ring]") {
  Unfinished story;
  REQUIRE(story.is_made());
  SECTION("a value") {
    REQUIRE(is_stored(story.group.put(1, story.key, "third")));
    story.heal();
    CHECK(story.group.get(2, story.key) == "third");
  }
  SECTION("a removal, though nobody who answers has anything to remove") {
    REQUIRE(is_stored(story.group.ask(1, Remove{"r", story.key, {}, std::chrono::seconds(2)})));
    REQUIRE(is_stored(story.group.ask(1, Remove{"r", story.key, {}, std::chrono::seconds(2)})) == false);
    story.heal();
    CHECK(story.group.get(2, story.key) == "absent");
  }
}

TEST_CASE("writes beside each other that are not known to be stored are siblings, each of them", "[ring]") {
  Unfinished story;
  REQUIRE(story.is_made());
  story.group.loses = [](std::uint64_t from, std::uint64_t to, const copies::Message& message) {
    return from == 1 && to > 2 && std::holds_alternative<copies::Store>(message);
  };
  for (int i = 0; i < 3; ++i) CHECK(std::holds_alternative<Partly>(story.put_beside("more")));
  story.group.loses = nullptr;
  REQUIRE(is_stored(story.put_beside("last")));
  story.heal();
  const std::vector<Version> versions = story.versions_at(3);
  CHECK(versions.size() == 2);
  CHECK_FALSE(has(versions, story.first));
  REQUIRE(is_stored(story.group.put(1, story.key, "all")));
  CHECK(story.group.get(2, story.key) == "all");
}
