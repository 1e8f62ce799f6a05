// SPDX-License-Identifier: MIT
// A watch at any host of a ring: what it is told, and that the last change is never left out.
#include "ring_group.hpp"

using namespace coord;
using namespace coord::ring;

namespace {

// A tool that watches, question after question.
class Watcher {
 public:
  Watcher(Group& group, std::uint64_t at) : group_(group), at_(at) { ask(); }

  // What it was told so far, by key: how many values there are.
  std::map<std::string, std::size_t> told;
  std::size_t lines = 0;

  void go_on() {
    for (int i = 0; i < 12; ++i) {
      group_.run();
      if (read()) ask();
    }
  }
  // What it was told, and asks nothing more.
  bool read() {
    if (!group_.told.contains(request_)) return false;
    const auto* page = std::get_if<Page>(&group_.told.at(request_));
    if (page == nullptr) return false;
    cursors_ = page->cursors;
    for (const Row& row : page->rows) {
      ++lines;
      std::size_t values = 0;
      for (const Version& version : row.versions) values += version.removed ? 0 : 1;
      told[row.key] = values;
    }
    return true;
  }

 private:
  void ask() { request_ = group_.begin(at_, Watch{"r", "w/", {}, cursors_}); }

  Group& group_;
  std::uint64_t at_, request_ = 0;
  std::vector<Cursor> cursors_;
};

}  // namespace

TEST_CASE("a watch tells changes of keys of which its host has no copy, each once", "[ring]") {
  Group group(5);
  group.found(5);
  REQUIRE(is_stored(group.put(1, "w/before", "v")));
  Watcher watcher(group, 5);
  watcher.go_on();
  CHECK(watcher.told.empty());
  for (int i = 0; i < 12; ++i) REQUIRE(is_stored(group.put(1, "w/" + std::to_string(i), "v")));
  REQUIRE(is_stored(group.put(1, "other", "v")));
  watcher.go_on();
  CHECK(watcher.told.size() == 12);
  CHECK(watcher.lines == 12);
  REQUIRE(is_stored(group.ask(2, Remove{"r", "w/7", {}, {}})));
  watcher.go_on();
  CHECK(watcher.told.at("w/7") == 0);
  CHECK(watcher.lines == 13);
}

TEST_CASE("a watch tells the last change, also where hosts were away or messages were lost", "[ring]") {
  Group group(5);
  group.found(5);
  Watcher watcher(group, 5);
  watcher.go_on();
  int message = 0;
  group.loses = [&](std::uint64_t, std::uint64_t, const copies::Message& what) {
    const bool is_of_watch =
        std::holds_alternative<copies::AskChanges>(what) || std::holds_alternative<copies::ChangesAre>(what);
    return is_of_watch && ++message % 3 == 0;
  };
  group.stop(2);
  for (int i = 0; i < 12; ++i)
    REQUIRE(is_stored(group.put(1, "w/" + std::to_string(i % 4), std::to_string(i))));
  group.start(2);
  for (int i = 0; i < 12; ++i) {
    group.pass(std::chrono::seconds(16));
    watcher.go_on();
  }
  CHECK(watcher.told.size() == 4);
  const std::size_t lines = watcher.lines;
  watcher.go_on();
  CHECK(watcher.lines == lines);
}

TEST_CASE("a watch that is behind tells of a removal all the same, and then the record of it goes",
          "[ring]") {
  Group group(4);
  group.found(4);
  const auto later = [&](int minutes) {
    group.pass(std::chrono::minutes(minutes));
    for (int i = 0; i < 8; ++i) group.run();
  };
  const auto copies = [&](const std::string& key) {
    int kept = 0;
    for (std::uint64_t id = 1; id <= 4; ++id) kept += group.keeps(id, key) ? 1 : 0;
    return kept;
  };
  Watcher watcher(group, 4);
  watcher.go_on();
  REQUIRE(is_stored(group.put(1, "w/1", "v")));
  group.run();
  REQUIRE(watcher.read());
  REQUIRE(watcher.told.at("w/1") == 1);
  REQUIRE(is_stored(group.put(1, "other", "v")));
  for (const std::string key : {"w/1", "other"}) REQUIRE(is_stored(group.ask(1, Remove{"r", key, {}, {}})));
  later(6);
  later(1);
  CHECK(copies("w/1") == 3);
  CHECK(copies("other") == 0);
  watcher.go_on();  // the answer that it has read already, and then it asks on
  watcher.go_on();
  CHECK(watcher.told.at("w/1") == 0);
  for (int i = 0; i < 3; ++i) later(6);
  CHECK(copies("w/1") == 0);

  // It was told of this removal, and asks nothing more; of the next one it is not told, and not for long.
  REQUIRE(is_stored(group.put(1, "w/2", "v")));
  watcher.go_on();
  REQUIRE(is_stored(group.ask(1, Remove{"r", "w/2", {}, {}})));
  group.run();
  REQUIRE(watcher.read());
  REQUIRE(watcher.told.at("w/2") == 0);
  later(6);
  later(1);
  CHECK(copies("w/2") == 0);
  REQUIRE(is_stored(group.put(1, "w/3", "v")));
  REQUIRE(is_stored(group.ask(1, Remove{"r", "w/3", {}, {}})));
  for (int i = 0; i < 3; ++i) later(6);
  CHECK(copies("w/3") == 0);
}

TEST_CASE("a watch over several hosts tells nobody of another user's keys", "[ring]") {
  Group group(4);
  group.found(4);
  // From where on it tells, and then what has changed since.
  const auto watch = [&](const std::string& user) {
    group.user = user;
    const Answer began = group.ask(4, Watch{"r", "", {}, {}});
    REQUIRE(std::holds_alternative<Page>(began));
    return std::get<Page>(began).cursors;
  };
  const auto cursors = watch("bob");
  group.user = "alice";
  REQUIRE(is_stored(group.put(1, "@alice/secret", "v")));
  REQUIRE(is_stored(group.put(2, "public", "v")));
  const auto keys_told = [&](const std::string& user) {
    group.user = user;
    const Answer answer = group.ask(4, Watch{"r", "", {}, cursors});
    std::set<std::string> keys;
    if (const auto* page = std::get_if<Page>(&answer)) {
      for (const Row& row : page->rows) keys.insert(row.key);
    }
    return keys;
  };
  CHECK(keys_told("bob") == std::set<std::string>{"public"});
}
