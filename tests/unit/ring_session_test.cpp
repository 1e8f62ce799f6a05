// SPDX-License-Identifier: MIT
// Sessions at the level causal: what is promised is judged by the model, over hosts that are cut off in turn.
#include <random>

#include "ring/session.hpp"
#include "ring_group.hpp"
#include "ring_person.hpp"
#include "sim/register_levels.hpp"

using namespace coord;
using namespace coord::ring;

namespace {

// Sessions that write and read at whatever host, and what came of it.
class Users {
 public:
  Users(Group& group, std::uint64_t seed, Consistency level)
      : group_(group),
        random_(seed),
        level_(level),
        sessions_(3, Person{group, std::chrono::milliseconds(700)}) {}

  void one_does_something() {
    const std::uint64_t client = random_() % sessions_.size(), at = 1 + random_() % 4;
    Person& person = sessions_[client];
    const std::string key = "k" + std::to_string(random_() % 3);
    sim::RegisterOperation did;
    did.client = client;
    did.name = key;
    did.start = Instant{} + std::chrono::milliseconds(++time_);
    const Duration patience = std::chrono::milliseconds(700);
    const bool is_causal = level_ == Consistency::causal;
    if (random_() % 2 == 0) {
      did.kind = sim::RegisterOperation::Kind::write;
      did.value = ++last_value_;
      const std::string value = std::to_string(did.value);
      const Answer answer =
          is_causal ? person.put(at, key, value)
                    : group_.ask(at, Put{"r", key, value.size(), {}, {}, patience, level_}, value);
      const auto* stored = std::get_if<Stored>(&answer);
      did.outcome = stored != nullptr                          ? sim::Operation::Outcome::ok
                    : std::holds_alternative<NoQuorum>(answer) ? sim::Operation::Outcome::failed
                                                               : sim::Operation::Outcome::unknown;
    } else if (!read(did, at, person)) {
      return;
    }
    did.end = Instant{} + std::chrono::milliseconds(++time_);
    history.push_back(did);
  }

  void read_at_the_end() {
    for (int i = 0; i < 3; ++i) {
      sim::RegisterOperation did;
      did.client = 9;
      did.name = "k" + std::to_string(i);
      did.start = Instant{} + std::chrono::milliseconds(++time_);
      did.final = true;
      Person none{group_};
      REQUIRE(read(did, 1, none));
      did.end = Instant{} + std::chrono::milliseconds(++time_);
      history.push_back(did);
    }
  }

  std::vector<sim::RegisterOperation> history;

 private:
  bool read(sim::RegisterOperation& did, std::uint64_t at, Person& person) {
    const Duration patience = std::chrono::milliseconds(700);
    Answer answer = level_ == Consistency::causal
                        ? person.get(at, did.name)
                        : group_.ask(at, Get{"r", did.name, {}, 0, patience, level_});
    const auto* found = std::get_if<Found>(&answer);
    if (found == nullptr && !std::holds_alternative<Absent>(answer)) return false;
    did.kind = sim::RegisterOperation::Kind::read;
    did.outcome = sim::Operation::Outcome::ok;
    did.whole = true;
    if (found == nullptr) return true;
    if (found->versions.size() == 1) did.values.push_back(std::stoull(text_of(found->chunk)));
    if (found->versions.size() == 1) return true;
    // A copy: the next answers are put in the place of this one.
    const std::vector<Version> siblings = found->versions;
    for (const Version& version : siblings) {
      answer = group_.ask(at, Get{"r", did.name, version.dot, 0, patience, level_, {}});
      const auto* one = std::get_if<Found>(&answer);
      if (one == nullptr || one->chunk.empty()) return false;
      did.values.push_back(std::stoull(text_of(one->chunk)));
    }
    return true;
  }
  static std::string text_of(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

  Group& group_;
  std::mt19937_64 random_;
  Consistency level_;
  std::vector<Person> sessions_;
  std::uint64_t last_value_ = 0;
  std::int64_t time_ = 0;
};

void play(std::uint64_t seed, Consistency level, const std::vector<sim::Level>& judged) {
  Group group(4);
  group.found(4);
  Users users(group, seed, level);
  std::mt19937_64 random(seed + 1000);
  for (int i = 0; i < 40; ++i) {
    if (random() % 4 == 0) {
      const std::uint64_t one = 1 + random() % 4, other = 1 + random() % 4;
      if (one != other) group.part(one, other);
    }
    if (random() % 8 == 0) group.cut.clear();
    users.one_does_something();
  }
  group.cut.clear();
  for (std::uint64_t one = 1; one <= 4; ++one) {
    for (std::uint64_t other = one + 1; other <= 4; ++other) group.see(one, other);
  }
  for (int i = 0; i < 6; ++i) group.run();
  users.read_at_the_end();
  for (const sim::Level each : judged) {
    const auto verdict = sim::check_level(users.history, each);
    REQUIRE(verdict);
    INFO("seed " << seed << ": " << verdict->explanation);
    CHECK(verdict->kept);
  }
}

}  // namespace

TEST_CASE("histories of sessions are causal, and in the end all hosts agree", "[ring]") {
  for (std::uint64_t seed = 1; seed <= 4; ++seed)
    play(seed, Consistency::causal, {sim::Level::causal, sim::Level::eventual});
}

TEST_CASE("histories of one copy agree in the end, and those of majorities are regular", "[ring]") {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    play(seed, Consistency::one, {sim::Level::eventual});
    play(seed, Consistency::quorum, {sim::Level::regular, sim::Level::eventual});
  }
}

TEST_CASE("a session is never told less than it has seen, and waits for it", "[ring]") {
  Group group(3);
  group.found(3);
  for (const std::uint64_t other : {2, 3}) group.part(1, other);
  Session session;
  const auto put = [&](std::uint64_t at, const std::string& key) {
    return group.ask(at,
                     Put{"r",
                         key,
                         1,
                         {},
                         {},
                         std::chrono::seconds(1),
                         Consistency::causal,
                         {session.at_least(key), session.nearest(key)}},
                     "v");
  };
  const auto get = [&](std::uint64_t at, const std::string& key) {
    return group.ask(
        at, Get{"r", key, {}, 0, std::chrono::seconds(1), Consistency::causal, {session.at_least(key), {}}});
  };
  Answer answer = put(1, "question");
  REQUIRE(is_stored(answer));
  session.wrote("question", std::get<Stored>(answer).dot, {});
  // Host 2 has nothing of it: neither is it told there, nor overwritten.
  CHECK(std::holds_alternative<NoQuorum>(get(2, "question")));
  CHECK_FALSE(is_stored(put(2, "question")));
  answer = put(2, "reply");
  REQUIRE(is_stored(answer));
  // Who reads the reply does not miss the question.
  Session reader;
  answer = group.ask(3, Get{"r", "reply", {}, 0, std::chrono::seconds(1), Consistency::causal, {}});
  REQUIRE(std::holds_alternative<Found>(answer));
  reader.read("reply", std::get<Found>(answer));
  CHECK(reader.at_least("question") == session.at_least("question"));
  CHECK(std::holds_alternative<NoQuorum>(
      group.ask(3, AskEverywhere{"r", "question", reader.at_least("question"), std::chrono::seconds(1)})));
  group.cut.clear();
  CHECK(std::holds_alternative<Found>(get(2, "question")));
  CHECK(std::holds_alternative<HandedOver>(
      group.ask(3, AskEverywhere{"r", "question", reader.at_least("question"), std::chrono::seconds(5)})));
}

TEST_CASE("a session that has seen a removal is not told what was removed", "[ring]") {
  Group group(3);
  group.found(3);
  CHECK(is_stored(group.put(1, "k", "v")));
  group.run();
  for (const std::uint64_t other : {2, 3}) group.part(1, other);
  CHECK(is_stored(group.ask(1, Remove{"r", "k", {}, {}, Consistency::one})));
  Session session;
  const Answer answer = group.ask(1, Get{"r", "k", {}, 0, {}, Consistency::causal, {}});
  REQUIRE(std::holds_alternative<Found>(answer));
  CHECK(std::get<Found>(answer).versions.empty());
  session.read("k", std::get<Found>(answer));
  const Get again{"r", "k", {}, 0, std::chrono::seconds(1), Consistency::causal, {session.at_least("k"), {}}};
  CHECK(std::holds_alternative<NoQuorum>(group.ask(2, again)));
}

// Host 3 was cut off while it took the write, is to keep the key no more, and has not handed it over yet.
TEST_CASE("what a session has seen is waited for as long as any host of the ring has it", "[ring]") {
  Group group(5);
  group.found(4);
  const std::string key = group.key_that_moves(5);
  for (const std::uint64_t other : {1, 2, 4, 5}) group.part(3, other);
  const Answer first = group.put_one(3, key, "v");
  REQUIRE(is_stored(first));
  const std::vector<Dot> seen{std::get<Stored>(first).dot};
  REQUIRE(group.whole_join(5));
  group.cut.clear();
  group.loses = [](std::uint64_t from, std::uint64_t, const copies::Message& message) {
    return from == 3 && std::holds_alternative<copies::Store>(message);
  };
  const Duration second = std::chrono::seconds(1);
  const Get get{"r", key, {}, 0, second, Consistency::causal, {seen, {}}};
  const Put put{"r", key, 1, {}, {}, second, Consistency::causal, {seen, {}}};
  CHECK(std::holds_alternative<NoQuorum>(group.ask(1, get)));
  CHECK_FALSE(is_stored(group.ask(1, put, "w")));
  CHECK_FALSE(std::holds_alternative<HandedOver>(group.ask(1, AskEverywhere{"r", key, seen, second})));
  group.loses = nullptr;
  for (int i = 0; i < 8; ++i) group.run();
  CHECK(std::holds_alternative<Found>(group.ask(1, get)));
  CHECK(std::holds_alternative<HandedOver>(group.ask(1, AskEverywhere{"r", key, seen, second})));
  CHECK(is_stored(group.ask(1, put, "w")));
  CHECK(group.get(1, key) == "w");
}

TEST_CASE("a session that has seen what is collected writes and forgets", "[ring]") {
  Group group(4);
  group.found(4);
  const std::string key = group.key_on({1, 2, 3});
  const std::vector<Dot> seen{{NodeId{11}, 99}};
  const Duration second = std::chrono::seconds(2);
  CHECK(std::holds_alternative<HandedOver>(group.ask(4, AskEverywhere{"r", key, seen, second})));
  // Nobody knows as long as one of them is away.
  group.stop(4);
  CHECK(std::holds_alternative<NoQuorum>(group.ask(1, AskEverywhere{"r", key, seen, second})));
  group.start(4);
  group.run();
  CHECK(is_stored(
      group.ask(1, Put{"r", key, 1, {}, {}, std::chrono::seconds(4), Consistency::causal, {seen, {}}}, "v")));
}

TEST_CASE("how another user's keys are called is told to nobody else, and they are forgotten all the same",
          "[ring]") {
  Group group(3);
  group.found(3);
  group.user = "alice";
  const Answer own = group.put_one(1, "@alice/secret", "v");
  REQUIRE(is_stored(own));
  group.run();
  const Dot dot = std::get<Stored>(own).dot;
  const std::vector<Dependency> after{{"@alice/secret", dot}, {"public", {NodeId{1}, 1}}};
  CHECK(is_stored(group.ask(1, Put{"r", "k", 1, {}, {}, {}, Consistency::causal, {{}, after}}, "v")));
  group.run();
  const auto told_of = [&](std::uint64_t at) {
    const Answer answer = group.ask(at, Get{"r", "k", {}, 0, {}, Consistency::causal, {}});
    return std::holds_alternative<Found>(answer) ? std::get<Found>(answer).after : std::vector<Dependency>();
  };
  CHECK(told_of(2) == after);
  group.user = "bob";
  CHECK(told_of(2) == std::vector<Dependency>{after.back()});
  CHECK(std::holds_alternative<Absent>(group.ask(2, Get{"r", "@alice/secret", {}, 0, {}})));
  // A session file of an earlier release may name it.
  CHECK(std::holds_alternative<HandedOver>(
      group.ask(2, AskEverywhere{"r", "@alice/secret", {dot}, std::chrono::seconds(2)})));
}

TEST_CASE("a value carries the nearest dependencies only, however many writes went before", "[ring]") {
  Group group(3);
  group.found(3);
  group.part(1, 3);
  group.part(2, 3);
  Person writer{group};
  // Host 3 has none of it, so all of it is remembered; each value carries the one before it.
  const std::size_t many = 2 * most_dependencies;
  for (std::size_t i = 0; i < many; ++i) {
    REQUIRE(is_stored(writer.put(1, std::to_string(i))));
    CHECK(writer.session.nearest("next") ==
          std::vector<Dependency>{{std::to_string(i), writer.session.at_least(std::to_string(i)).front()}});
  }
  // Who reads the last one is told of all, from key to key.
  Person reader{group};
  REQUIRE(std::holds_alternative<Found>(reader.get(2, std::to_string(many - 1))));
  CHECK(reader.session.all() == writer.session.all());
  CHECK(reader.session.nearest("next").size() == 1);
  Person behind{group};
  behind.session.add(std::to_string(many - 1), writer.session.at_least(std::to_string(many - 1)).front());
  CHECK(std::holds_alternative<NoQuorum>(behind.get(3, std::to_string(many - 1))));
}

TEST_CASE("what a key led to is found though the key was replaced or removed since", "[ring]") {
  Group group(3);
  group.found(3);
  for (const std::uint64_t other : {1, 2}) group.part(3, other);
  Person writer{group};
  REQUIRE(is_stored(writer.put(1, "first")));
  REQUIRE(is_stored(writer.put(1, "middle")));
  REQUIRE(is_stored(writer.put(1, "last")));
  SECTION("by the writer") {
    REQUIRE(is_stored(writer.put(2, "middle", "w")));
  }
  SECTION("by another session") {
    REQUIRE(is_stored(Person{group}.put(2, "middle", "w")));
  }
  SECTION("by a majority") {
    REQUIRE(is_stored(group.put(2, "middle", "w")));
  }
  SECTION("by one copy") {
    REQUIRE(is_stored(group.put_one(2, "middle", "w")));
  }
  SECTION("it was removed") {
    REQUIRE(is_stored(writer.write(2, "middle", "", true)));
  }
  Person reader{group};
  REQUIRE(std::holds_alternative<Found>(reader.get(2, "last")));
  CHECK(reader.knows("first"));
}

// Host 3 lacks what the removed key led to.
TEST_CASE("the record of a removal stays until all that it leads to is on all copies", "[ring]") {
  Group group(3);
  group.found(3);
  for (const std::uint64_t other : {1, 2}) group.part(3, other);
  Person writer{group};
  REQUIRE(is_stored(writer.put(1, "first")));
  REQUIRE(is_stored(writer.put(1, "middle")));
  REQUIRE(is_stored(writer.put(1, "last")));
  REQUIRE(is_stored(writer.write(1, "middle", "", true)));
  group.cut.clear();
  // All that says "first" is lost.
  group.loses = [](std::uint64_t, std::uint64_t to, const copies::Message& message) {
    const auto* store = std::get_if<copies::Store>(&message);
    const auto* rows = std::get_if<copies::RowsAre>(&message);
    return to == 3 && ((store != nullptr && store->key == "first") ||
                       (rows != nullptr && !rows->rows.empty() && rows->rows.front().key == "first"));
  };
  REQUIRE(std::holds_alternative<Absent>(group.ask(1, Get{"r", "middle", {}, 0, {}})));
  for (int i = 0; i < 140; ++i) group.run();
  CHECK(group.keeps(1, "middle"));
  group.loses = nullptr;
  for (std::uint64_t other = 1; other <= 2; ++other) group.see(3, other);
  for (int i = 0; i < 280 && group.keeps(1, "middle"); ++i) group.run();
  CHECK_FALSE(group.keeps(1, "middle"));
  CHECK(group.keeps(3, "first"));
}

TEST_CASE("another user's key leads nobody else on", "[ring]") {
  Session session;
  session.wrote("first", {NodeId{1}, 1}, {});
  session.wrote("@alice/k", {NodeId{1}, 2}, session.nearest("@alice/k"));
  CHECK(session.nearest("@alice/other") == std::vector<Dependency>{{"@alice/k", {NodeId{1}, 2}}});
  CHECK(session.nearest("public") ==
        std::vector<Dependency>{{"@alice/k", {NodeId{1}, 2}}, {"first", {NodeId{1}, 1}}});
}

TEST_CASE("what a version carries is bounded", "[ring]") {
  std::vector<Dependency> after;
  for (std::uint64_t i = 0; i < most_dependencies; ++i)
    after.push_back({std::to_string(i), {NodeId{1}, i + 1}});
  CHECK(fits_one_version(after));
  after.push_back({"one more", {NodeId{1}, 1}});
  CHECK_FALSE(fits_one_version(after));
  CHECK_FALSE(fits_one_version({{std::string(dependency_bytes + 1, 'k'), {NodeId{1}, 1}}}));
}

TEST_CASE("a session remembers the newest of each writer", "[ring]") {
  Session session;
  session.add("k", {NodeId{1}, 7});
  session.add("k", {NodeId{1}, 99});  // newer, in place of the other
  session.add("k", {NodeId{1}, 8});
  CHECK(session.at_least("k") == std::vector<Dot>{{NodeId{1}, 99}});
  session.add("k", {NodeId{2}, 1});
  CHECK(session.all().size() == 2);
  session.forget("k");
  CHECK(session.all().empty());
}

TEST_CASE("what is on all copies is forgotten once it has been followed, and not before", "[ring]") {
  Session session;
  Found last;
  last.seen = {{NodeId{1}, 3}};
  last.after = {{"middle", {NodeId{1}, 2}}};
  session.read("last", last);
  session.forget("middle");
  CHECK(session.to_follow() == std::vector<std::string>{"middle"});
  Found middle;
  middle.seen = {{NodeId{1}, 2}};
  middle.after = {{"first", {NodeId{1}, 1}}};
  session.read("middle", middle);
  session.forget("middle");
  // Nothing that is left leads to it.
  CHECK(session.at_least("middle").empty());
  session.read_nothing("first");
  CHECK(session.nearest("next") ==
        std::vector<Dependency>{{"first", {NodeId{1}, 1}}, {"last", {NodeId{1}, 3}}});
}
