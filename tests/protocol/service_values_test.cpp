// SPDX-License-Identifier: MIT
// The map of keys to values, as the log sees it.
#include "service/hand_over.hpp"
#include "service_values_story.hpp"

using namespace coord;
using namespace coord::service;

TEST_CASE("a value is replaced, read and removed, and each change has a version above all before") {
  Map map;
  CHECK(map.put("k", "one") == "changed k; version 3");
  CHECK(map.get("k") == "one@3");
  CHECK(map.put("k", std::string("two\0three", 9)) == "changed k; version 4");
  CHECK(map.get("k") == std::string("two\0three@4", 11));
  CHECK(map.rm("k") == "changed k; version 4");
  CHECK(map.get("k").empty());
  CHECK(map.rm("k") == "no such key, version 0");
  CHECK(map.put("k", "again") == "changed k; version 7");  // not a version that it had
}

TEST_CASE("a change that names another version than the key has changes nothing and says which it has") {
  Map map;
  CHECK(map.put("k", "first", Token{}) == "changed k; version 3");  // there must be none
  CHECK(map.put("k", "second", Token{}) == "wrong version, version 3");
  CHECK(map.put("k", "second", Token{2}) == "wrong version, version 3");
  CHECK(map.put("k", "second", Token{3}) == "changed k; version 6");
  CHECK(map.rm("k", Token{3}) == "wrong version, version 6");
  CHECK(map.get("k") == "second@6");
  CHECK(map.put("none", "x", Token{6}) == "wrong version, version 0");
  CHECK(map.rm("k", Token{6}) == "changed k; version 6");
}

TEST_CASE("a key that lives with a command is there as long as its session, and nobody else changes it") {
  Map map;
  CHECK(map.live(map.a, "node/a", "up") == "opened s3; changed node/a; granted s3#1 token 3 ");
  CHECK(map.log.machine.standing(SessionId{3}, 1) == Standing{Standing::Kind::held, Token{3}});
  CHECK(map.live(map.b, "node/a", "mine") == "refused: " + describe(Refusal::lives_with_command));
  CHECK(map.put("node/a", "down") == "lives with command, version 3");
  CHECK(map.rm("node/a") == "lives with command, version 3");
  CHECK(map.get("node/a") == "up@3");
  CHECK(holding(map.log.machine, 9).some == std::vector<std::string>{"key node/a (user, pid 42: command)"});
  SECTION("its session is closed") {
    CHECK(map.a.close(3) == "changed node/a; closed s3");
  }
  SECTION("its lease runs out") {
    CHECK(map.log.leader(Expire{SessionId{3}, 0}) == "changed node/a; closed s3 expired");
  }
  CHECK(map.get("node/a").empty());
  CHECK(map.log.machine.state().values.empty());
}

TEST_CASE("a session's key takes an ordinary one's place, and with a condition only as it says") {
  Map map;
  (void)map.put("k", "plain");
  CHECK(map.live(map.a, "k", "live", Token{}) == "refused: " + describe(Refusal::wrong_version));
  CHECK(map.live(map.a, "k", "live", Token{3}) == "opened s5; changed k; granted s5#1 token 5 ");
  (void)map.a.close(5);
  CHECK(map.get("k").empty());
}

TEST_CASE("a key with a user's name in front is that user's and root's") {
  Map map;
  CHECK(map.a.propose(Map::as(1001, "eve", "@alice/k", "x")) == "not yours, version 0");
  CHECK(map.a.propose(Map::as(1002, "alice", "@alice/k", "x")) == "changed @alice/k; version 4");
  CHECK(map.a.propose(Map::as(0, "root", "@alice/k", "y")) == "changed @alice/k; version 5");
  CHECK(map.a.propose(RemoveValue{"@alice/k", {}, 1001, "eve"}) == "not yours, version 5");
  CHECK(map.live(map.a, "@alice/k", "z") == "refused: " + describe(Refusal::not_yours));
}

TEST_CASE("values are bounded each, all together, and keys of one user are") {
  Map map;
  const std::string most(64U << 10U, 'v');
  CHECK(map.put("k", most + "v") == "invalid, version 0");
  CHECK(map.put("", "v") == "invalid, version 0");
  for (int i = 0; i < 256; ++i) REQUIRE(map.put("k" + std::to_string(i), most).starts_with("changed"));
  CHECK(map.put("one/more", "v") == "too many values, version 0");
  CHECK(map.put("k0", "v").starts_with("changed"));  // smaller than before
  CHECK(map.put("one/more", "v").starts_with("changed"));

  Limits few = limits_of_level(2);
  few.value_keys_of_user = 2;
  few.value_keys = 4;
  Log log{StateMachine(few)};
  Peer a(log, 1);
  const auto put = [&](std::uint32_t uid, std::string user, std::string key) {
    return a.propose(Map::as(uid, std::move(user), std::move(key), "v"));
  };
  (void)put(1000, "user", "1");
  (void)put(1000, "user", "2");
  CHECK(put(1000, "user", "3") == "too many values of user, version 0");
  CHECK(put(1000, "user", "2").starts_with("changed"));
  CHECK(put(1001, "other", "3").starts_with("changed"));
  CHECK(put(0, "root", "4").starts_with("changed"));
  CHECK(put(0, "root", "5") == "too many values, version 0");
  (void)a.propose(RemoveValue{"1", {}, 1000, "user"});
  CHECK(put(1000, "user", "3").starts_with("changed"));  // another user's becomes this one's
}

TEST_CASE("keys are listed by how they begin, so many at a time") {
  Map map;
  for (int i = 0; i < 1'200; ++i) (void)map.put("a/" + std::to_string(10'000 + i), "v");
  (void)map.put("b", "v");
  const Values& values = map.log.machine.of<Values>();
  const ValuesView first = values.answer(ListValues{"a/", ""});
  CHECK(first.keys.size() == 1'000);
  CHECK(first.more);
  const ValuesView rest = values.answer(ListValues{"a/", first.keys.back().key});
  CHECK(rest.keys.size() == 200);
  CHECK_FALSE(rest.more);
  CHECK(values.answer(ListValues{"", "a/99"}).keys.size() == 1);
  CHECK(values.answer(ListValues{"c", ""}).keys.empty());
}

TEST_CASE("a peer that hands over takes no more changes, and says which keys stay behind") {
  Map map;
  (void)map.put("k", "v");
  (void)map.a.propose(Shut{true});
  CHECK(map.log.leader(Shut{true}).empty());
  CHECK(map.put("k", "w") == "moving, version 3");
  CHECK(staying(map.log.machine, 9).some == std::vector<std::string>{"key k"});
}

TEST_CASE("a map is restored as it was, and one that contradicts itself is not") {
  Map map;
  (void)map.put("k", "v");
  (void)map.live(map.a, "live", "x");
  const State state = map.log.machine.state();
  auto restored = StateMachine::restore(state);
  REQUIRE(restored.ok());
  Log later{std::move(*restored), map.log.last};
  CHECK(later.leader(Expire{SessionId{4}, 0}) == "changed live; closed s4 expired");
  CHECK(later.machine.state().values.size() == 1);

  State wrong = state;
  SECTION("a session that is not there") {
    wrong.values.at("k").session = SessionId{3};
  }
  SECTION("a version that was never given") {
    wrong.values.at("k").version = Token{1'000'000};
  }
  SECTION("a version twice") {
    wrong.values.at("k").version = wrong.values.at("live").version;
  }
  SECTION("a value beyond its bound") {
    wrong.values.at("k").bytes.resize(65'537);
  }
  SECTION("a session's request twice") {
    wrong.values.at("k") = wrong.values.at("live");
  }
  CHECK_FALSE(StateMachine::restore(wrong).ok());
}
