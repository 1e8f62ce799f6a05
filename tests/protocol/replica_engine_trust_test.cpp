// SPDX-License-Identifier: MIT
// Which log of an engine's a gateway believes, what it remembers, and how a log that was restored goes on.
#include <memory>

#include "replica_engine_world.hpp"

using namespace coord;
using namespace coord::replica;
using namespace coord::replica::engine_test;
using namespace std::chrono_literals;

namespace {

// What becomes of a gateway whose engine has gone back to before its last entries.
std::string after_a_restore() {
  Engine engine;
  Gateway before(engine);
  before.connect();
  const Engine::Log backup = engine.copy();
  (void)before.session_of(other);
  before.pass(2s);
  before.lose();
  engine.restore(backup);
  before.connect();
  Gateway again(engine, {.memory = *before.remembered});
  again.connect();
  CHECK(again.trouble() == before.trouble());
  return again.trouble();
}

// A gateway that holds something after the backup, which has ended, and one that comes for the first time.
bool new_one_serves_after_a_restore() {
  Engine engine;
  Gateway before(engine, {.node = other});
  before.connect();
  const Engine::Log backup = engine.copy();
  (void)before.session_of(third);
  before.lose();
  engine.restore(backup);
  before.connect();
  Gateway fresh(engine);
  fresh.connect();
  for (int i = 0; i < 100; ++i) {
    before.pass(20ms);
    fresh.pass(20ms);
  }
  return fresh.serves();
}

// The state is newer than what a gateway remembers, and no seal that it knows is there.
bool serves_what_it_cannot_compare() {
  Engine engine;
  Gateway writer(engine, {.node = other, .seal_every = 5});
  writer.connect();
  const EngineMemory old = *writer.remembered;
  for (int i = 0; i < 20; ++i) writer.tell(Submit{100, service::Renew{}});
  writer.lose();
  Gateway gateway(engine, {.memory = EngineMemory{1, {2, 7}, old.seal, old.token, old.ttl}});
  gateway.connect();
  gateway.pass(1s);
  return gateway.serves();
}

// An era begins while a gateway is away.
bool serves_in_an_era_it_has_not_heard_of() {
  Engine engine;
  Gateway before(engine, {.node = other});
  before.connect();
  Gateway operators(engine, {.node = NodeId{77}, .first = true, .registers = false});
  operators.connect();
  operators.begin_era(Token{std::uint64_t{1'900'000'000} << 20U});
  operators.pass(12s);
  REQUIRE_FALSE(operators.log->is_beginning_era());
  before.lose();
  Gateway late(engine, {.memory = EngineMemory{1, {2, 7}, {}, {}, {}}});
  late.connect();
  late.pass(1s);
  return late.serves();
}

// A connection breaks; what was granted meanwhile is read on the next one.
bool tells_before_it_remembers() {
  Engine engine;
  Gateway gateway(engine);
  gateway.connect();
  gateway.lose();
  gateway.append(entry_of(third, service::Register{third, 5, {}, 2, "third", {}, {}}));
  gateway.connect();
  REQUIRE(gateway.serves());
  const std::string index = std::to_string(gateway.log->applied().value);
  const auto told = std::ranges::find(gateway.order, "applied " + index);
  const auto remembered = std::ranges::find(gateway.order, "remembered " + index);
  REQUIRE(told != gateway.order.end());
  return told < remembered;
}

// The answer that another gateway gave to the question of an earlier connection.
bool believes_an_old_answer() {
  Engine engine;
  Gateway before(engine, {.node = other});
  before.connect();
  Gateway fresh(engine);
  fresh.connect();
  const auto asked = std::ranges::find_if(engine.items, [](const Engine::Item& item) {
    const auto entry = decode_engine_entry(item.bytes);
    return entry && *entry && (*entry)->kind == EngineEntry::Kind::asks;
  });
  REQUIRE(asked != engine.items.end());
  EngineWord answer = *decode_engine_word((*decode_engine_entry(asked->bytes))->command);
  answer.place.index = fresh.log->applied().value;
  before.lose();
  fresh.lose();
  fresh.connect();
  fresh.append(encode(EngineEntry{other, EngineEntry::Kind::confirms, 2, encode(answer)}));
  return fresh.serves();
}

// An operator begins a new era while another gateway serves from the restored log.
struct EraStory {
  bool other_goes_on = false;
  Token token;
  Duration leases{};
};
EraStory of_a_new_era() {
  Engine engine;
  Gateway before(engine, {.node = other});
  before.connect();
  const Engine::Log backup = engine.copy();
  (void)before.session_of(third, 3600s);
  before.append(entry_of(third, service::TokenFloor{Token{std::uint64_t{3'000'000'000} << 20U}}));
  before.pass(20ms);
  before.lose();
  engine.restore(backup);
  before.connect();
  Gateway serving(engine, {.first = true});
  serving.connect();
  REQUIRE(serving.serves());
  Gateway operators(engine, {.node = NodeId{77}, .first = true, .registers = false});
  operators.connect();
  operators.begin_era(Token{std::uint64_t{1'900'000'000} << 20U});
  EraStory story;
  story.other_goes_on = serving.serves();
  for (int i = 0; i < 900 && operators.log->is_beginning_era(); ++i) {
    before.pass(20ms);
    serving.pass(20ms);
    operators.pass(20ms);
  }
  story.token = operators.log->machine().state().last_token;
  story.leases = operators.log->longest_lease();
  return story;
}

}  // namespace

TEST_CASE("engine_may_not_go_back: an engine that was restored is refused") {
  CHECK(after_a_restore().find("restored from an older backup") != std::string::npos);
  CHECK(without("engine_may_not_go_back", after_a_restore) == "");
}

TEST_CASE("what is granted is remembered before it is told") {
  Engine engine;
  Gateway gateway(engine);
  gateway.connect();
  (void)gateway.session_of(other);
  const std::string applied = "applied " + std::to_string(gateway.log->applied().value);
  const auto told = std::ranges::find(gateway.order, applied);
  REQUIRE(told != gateway.order.end());
  CHECK(*(told - 1) == "remembered " + std::to_string(gateway.log->applied().value));
}

TEST_CASE("remembered_before_it_is_told: on the way in, too") {
  CHECK_FALSE(tells_before_it_remembers());
  CHECK(without("remembered_before_it_is_told", tells_before_it_remembers));
}

TEST_CASE("later_era_was_heard: another log may have one, too") {
  CHECK_FALSE(serves_in_an_era_it_has_not_heard_of());
  CHECK(without("later_era_was_heard", serves_in_an_era_it_has_not_heard_of));
}

TEST_CASE("a further era, and whoever opens one, waits for the leases of the one before") {
  Engine engine;
  Gateway before(engine, {.node = other});
  before.connect();
  (void)before.session_of(third, 3600s);
  Gateway operators(engine, {.node = NodeId{77}, .first = true, .registers = false});
  operators.connect();
  operators.begin_era(Token{std::uint64_t{1'900'000'000} << 20U});
  operators.pass(12s);
  CHECK(operators.log->longest_lease() == 3600s);
  before.lose();  // nobody is left who knew
  Gateway second(engine, {.node = NodeId{78}, .first = true, .registers = false});
  second.connect();
  CHECK(second.log->longest_lease() == 3600s);
  second.begin_era(Token{std::uint64_t{1'900'000'100} << 20U});
  second.pass(12s);
  REQUIRE_FALSE(second.log->is_beginning_era());
  CHECK(second.log->machine().state().closed);
  CHECK(second.log->longest_lease() == 3600s);
}

TEST_CASE("gateways without memory that come at once are all answered") {
  Engine engine;
  Gateway known(engine, {.node = other});
  known.connect();
  std::vector<std::unique_ptr<Gateway>> fresh;
  for (std::uint64_t i = 0; i < 100; ++i) {
    fresh.push_back(std::make_unique<Gateway>(engine, GatewayOptions{.node = NodeId{100 + i}}));
    fresh.back()->connect();
  }
  known.pass(600ms);
  CHECK(std::ranges::count_if(fresh, [](const auto& each) { return each->serves(); }) == 100);
  CHECK(engine.entries_of(EngineEntry::Kind::asks) == 100);
}

TEST_CASE("an engine that keeps nothing of a log is asked once a second, and said") {
  Engine engine;
  engine.keeps_nothing = true;
  Gateway gateway(engine);
  gateway.connect();
  gateway.pass(3s);
  CHECK(engine.makes <= 4);
  CHECK(engine.loads <= 8);
  CHECK(gateway.trouble().find("keeps none that is made") != std::string::npos);
  engine.keeps_nothing = false;
  gateway.pass(2s);
  CHECK(gateway.serves());
}

TEST_CASE("a log with a hole is read anew twice, then left for some seconds") {
  Engine engine;
  Gateway gateway(engine);
  gateway.connect();
  gateway.lose();
  engine.has_hole = true;
  engine.loads = 0;
  gateway.connect();
  gateway.pass(4s);
  CHECK(engine.loads == 3);
  CHECK(gateway.trouble().find("entries are missing") != std::string::npos);
  engine.has_hole = false;
  gateway.pass(2s);
  CHECK(gateway.serves());
}

TEST_CASE("an engine without space from the beginning is asked once a second, and said") {
  Engine engine;
  engine.full = "no space";
  Gateway gateway(engine);
  gateway.connect();
  gateway.pass(3s);
  CHECK(engine.makes <= 4);
  CHECK(gateway.trouble() == "no space");
  engine.full.clear();
  gateway.pass(4s);
  CHECK(gateway.serves());
}

TEST_CASE("first_comer_is_confirmed: who has seen no log serves nobody until one that has says so") {
  CHECK_FALSE(new_one_serves_after_a_restore());
  CHECK(without("first_comer_is_confirmed", new_one_serves_after_a_restore));
  Engine engine;
  Gateway known(engine, {.node = other});
  known.connect();
  Gateway fresh(engine);
  fresh.connect();
  CHECK_FALSE(fresh.serves());
  CHECK(fresh.trouble().find("--first") != std::string::npos);
  known.pass(600ms);
  CHECK(fresh.serves());
  CHECK(engine.entries_of(EngineEntry::Kind::confirms) == 1);
  const std::size_t before = engine.items.size();
  known.pass(10s);
  CHECK(engine.items.size() == before);
}

TEST_CASE("of two that make a log at once the later one comes along") {
  Engine engine;
  Gateway one(engine), two(engine, {.node = other});
  one.deaf = two.deaf = true;
  one.connect();
  two.connect();
  one.deaf = two.deaf = false;
  one.tell(FromEngine{engine::Empty{}});
  one.connect();
  two.tell(FromEngine{engine::Empty{}});
  two.connect();
  CHECK(one.serves());
  CHECK_FALSE(two.serves());
  one.pass(600ms);
  CHECK(two.serves());
}

TEST_CASE("an operator says --first: that is for all that have asked, and for nobody who comes later") {
  Engine engine;
  {
    Gateway maker(engine, {.node = other});
    maker.connect();
  }
  Gateway fresh(engine);
  fresh.connect();
  fresh.pass(60s);
  CHECK_FALSE(fresh.serves());
  Gateway operators(engine, {.node = NodeId{77}, .first = true, .registers = false});
  operators.connect();
  operators.confirm_to_all();
  CHECK(operators.log->has_confirmed());
  CHECK(operators.log->machine().registration(NodeId{77}) == service::ClientId{});
  CHECK(fresh.serves());
  Gateway later(engine, {.node = third});
  later.connect();
  CHECK_FALSE(later.serves());
  fresh.pass(600ms);
  CHECK(later.serves());
}

TEST_CASE("confirmation_is_of_this_connection: an answer from before a restore is none") {
  CHECK_FALSE(believes_an_old_answer());
  CHECK(without("confirmation_is_of_this_connection", believes_an_old_answer));
}

TEST_CASE("newer_state_is_confirmed: what cannot be compared is asked, or waited for") {
  CHECK_FALSE(serves_what_it_cannot_compare());
  CHECK(without("newer_state_is_confirmed", serves_what_it_cannot_compare));
  Engine engine;
  EnginePlace seal;
  {
    Gateway writer(engine, {.node = other, .seal_every = 5});
    writer.connect();
    seal = writer.remembered->seal;
    for (int i = 0; i < 20; ++i) writer.tell(Submit{100, service::Renew{}});
  }
  Gateway gateway(engine, {.memory = EngineMemory{1, {2, 7}, seal, {}, 40s}});
  gateway.connect();
  gateway.pass(39s);
  CHECK_FALSE(gateway.serves());
  gateway.pass(2s);
  CHECK(gateway.serves());
}

TEST_CASE("what was applied here, and is another log's, is void") {
  Engine engine;
  Gateway maker(engine, {.node = other});
  maker.connect();
  const Engine::Log backup = engine.copy();
  Gateway fresh(engine);
  fresh.connect();
  (void)maker.session_of(third);
  CHECK(fresh.log->machine().state().sessions.size() == 1);
  maker.lose();
  fresh.lose();
  engine.restore(backup);
  for (int i = 0; i < 9; ++i) engine.add(entry_of(other, service::Renew{}));
  fresh.connect();
  CHECK(fresh.log->machine().state().sessions.empty());
  CHECK_FALSE(fresh.serves());
}

TEST_CASE("a new era: sessions are void, tokens above, nothing is granted, and others come along") {
  const EraStory story = of_a_new_era();
  CHECK_FALSE(story.other_goes_on);
  CHECK(story.token >= Token{std::uint64_t{3'000'000'000} << 20U});  // that only a gateway knew
  CHECK(story.leases >= 3600s);
  CHECK(without("new_era_ends_the_former", of_a_new_era).other_goes_on);
  CHECK(without("new_era_above_known_tokens", of_a_new_era).token <
        Token{std::uint64_t{3'000'000'000} << 20U});
  CHECK(without("new_era_waits_for_known_leases", of_a_new_era).leases < 3600s);

  Engine engine;
  Gateway before(engine, {.node = other});
  before.connect();
  (void)before.session_of(third);
  Gateway operators(engine, {.node = NodeId{77}, .first = true, .registers = false});
  operators.connect();
  const Token above{std::uint64_t{1'900'000'000} << 20U};
  engine.drops_seals = true;  // as one that is busy
  operators.begin_era(above);
  CHECK_FALSE(before.serves());
  CHECK(before.trouble().find("--new-epoch") != std::string::npos);
  operators.pass(12s);
  before.pass(12s);  // it looks again, and goes on in no former era
  CHECK_FALSE(before.serves());
  CHECK(operators.log->era() == 1);
  SECTION("the operator's seal gets there later") {
    engine.drops_seals = false;
  }
  SECTION("another operator ends what this one began") {
    operators.lose();
    engine.drops_seals = false;
    Gateway second(engine, {.node = NodeId{78}, .first = true, .registers = false});
    second.connect();
    CHECK_FALSE(second.serves());
    second.begin_era(above);
    second.pass(12s);
    CHECK(second.log->machine().state().closed);
    operators.connect();
  }
  operators.pass(2s);
  CHECK(operators.log->era() >= 1'900'000'000);
  CHECK(operators.log->has_quorum());
  CHECK(operators.log->machine().state().sessions.empty());
  CHECK(operators.log->machine().state().closed);
  CHECK(operators.log->machine().state().last_token >= above);
  before.pass(6s);
  CHECK(before.serves());
  CHECK(before.log->machine().state().closed);
  CHECK(before.log->machine().state().sessions.empty());
  operators.tell(PutIntoLog{service::Shut{false}});
  CHECK_FALSE(before.log->machine().state().closed);
}

TEST_CASE("an engine whose keys were removed is refused by who has seen some") {
  Engine engine;
  Gateway gateway(engine);
  gateway.connect();
  gateway.lose();
  engine.restore({});
  gateway.connect();
  CHECK_FALSE(gateway.log->has_quorum());
  CHECK(gateway.log->trouble().find("its keys were removed") != std::string::npos);
  CHECK(engine.epoch == 0);
}

TEST_CASE("a gateway that came after the backup registers anew in the new era") {
  Engine engine;
  Gateway first(engine, {.node = other});
  first.connect();
  const Engine::Log backup = engine.copy();
  Gateway later(engine);
  later.connect();
  first.pass(1s);
  REQUIRE(later.serves());
  REQUIRE(later.log->client() != service::ClientId{});
  first.lose();
  later.lose();
  engine.restore(backup);
  first.connect();
  later.connect();
  CHECK_FALSE(later.serves());
  Gateway operators(engine, {.node = NodeId{77}, .first = true, .registers = false});
  operators.connect();
  operators.begin_era(Token{std::uint64_t{1'900'000'000} << 20U});
  operators.pass(14s);
  later.pass(14s);
  later.tell(Submit{5, service::Renew{}});
  CHECK(later.serves());
  CHECK(later.log->client() != service::ClientId{});
  CHECK(later.log->client() == later.log->machine().registration(self));
}

TEST_CASE("a new era is heard where its entry stands in the place of what is remembered") {
  Engine engine;
  Gateway before(engine, {.node = other});
  before.connect();
  const Engine::Log backup = engine.copy();
  before.append(entry_of(third, service::Register{third, 5, {}, 2, "third", {}, {}}));
  before.pass(20ms);
  const std::uint64_t index = before.remembered->place.index;
  before.lose();
  engine.restore(backup);
  Gateway operators(engine, {.node = NodeId{77}, .first = true, .registers = false});
  operators.connect();
  REQUIRE(operators.log->applied().value + 1 == index);
  operators.begin_era(Token{std::uint64_t{1'900'000'000} << 20U});
  before.connect();
  CHECK(before.trouble().find("older backup") != std::string::npos);
  operators.pass(12s);
  before.pass(12s);
  CHECK(before.serves());
}
