// SPDX-License-Identifier: MIT
// The level of a log that an engine keeps: when it rises, and who stops then. Under faults: the sweep's
// profile `engine`.
#include "replica_engine_world.hpp"

using namespace coord;
using namespace coord::replica;
using namespace coord::replica::engine_test;

namespace {

constexpr Level next_level = newest_level + 1;

// By a release that knows no level above the newest, and is gone.
void make_log(Engine& engine) {
  Gateway maker(engine, {.node = third});
  maker.connect();
  REQUIRE(engine.makes == 1);
  const service::ClientId registration = maker.log->machine().registration(third);
  REQUIRE(registration != service::ClientId{});
  maker.lose();
  maker.append(entry_of(third, service::Forget{third, registration}));
}

// Known to all: `first` has the log, and a second one comes with `knows`, both of which write.
struct Two {
  struct Made : Engine {
    Made() { make_log(*this); }
  } engine;
  Gateway first, second;
  explicit Two(Level knows)
      : first(engine, {.first = true, .level = next_level, .raise_after = 2s}),
        second(engine, {.node = other, .seal_every = 20, .level = knows, .raise_after = 2s}) {
    first.connect();
    second.connect();
    first.pass(1s);
    REQUIRE(second.serves());
  }
  void write(int times = 1) {
    for (int i = 0; i < times; ++i) {
      first.tell(Submit{3, service::Renew{}});
      second.tell(Submit{3, service::Renew{}});
    }
  }
  void pass(Duration time) {
    first.pass(time);
    second.now = first.now;
    second.tell(Tick{});
  }
};

// The newest entry that a gateway has appended.
Level level_of_last(const Engine& engine) {
  for (auto item = engine.items.rbegin(); item != engine.items.rend(); ++item) {
    if (const auto entry = decode_engine_entry(item->bytes); entry && *entry) return (*entry)->level;
  }
  return 0;
}

Bytes raise_to(Level level, const std::map<NodeId, std::uint64_t>& lives) {
  return encode(
      EngineEntry{self, EngineEntry::Kind::raise, newest_level, wire::encode(service::Raise{level, lives})});
}

std::size_t raises_beside_an_earlier_release() {
  Two two(newest_level);
  two.write();
  two.pass(5s);
  return two.engine.entries_of(EngineEntry::Kind::raise);
}

// Proposed by one that was alone when it said so.
Level level_after_another_one_has_come() {
  Engine engine;
  make_log(engine);
  Gateway gateway(engine, {.first = true, .level = next_level});
  gateway.connect();
  gateway.append(entry_of(third, service::Register{third, 5, {}, newest_level, "third", {}, {}}));
  gateway.append(raise_to(next_level, {{self, gateway.log->life()}}));
  return gateway.log->machine().level();
}

}  // namespace

TEST_CASE("a log rises once all its gateways know the level, by those that write") {
  Two two(next_level);
  CHECK(two.first.log->level_view().next == next_level);
  CHECK(two.first.log->level_view().missing.empty());
  two.write();
  two.pass(1s);
  CHECK(two.first.log->level_view().due);
  CHECK(two.first.log->machine().level() == newest_level);
  two.pass(2s);
  CHECK(two.first.log->machine().level() == next_level);
  CHECK(two.second.log->machine().level() == next_level);
  CHECK(two.engine.entries_of(EngineEntry::Kind::raise) == 1);
  two.write(5);
  CHECK(level_of_last(two.engine) == next_level);
  two.write(25);  // a state of that level is kept
  REQUIRE(two.engine.state.epoch >= 2);
  Gateway later(two.engine, {.node = third, .level = next_level});
  later.connect();
  two.pass(1s);
  CHECK(later.serves());
  CHECK(later.log->machine().level() == next_level);
}

TEST_CASE("engine_raise_waits_for_all: an earlier release that is registered is named, and nothing rises") {
  Two two(newest_level);
  const LevelView view = two.first.log->level_view();
  CHECK(view.missing == std::map<NodeId, LevelView::Missing>{{other, LevelView::Missing::earlier}});
  CHECK(two.second.log->level_view().next == newest_level);
  CHECK(raises_beside_an_earlier_release() == 0);
  CHECK(without("engine_raise_waits_for_all", raises_beside_an_earlier_release) > 0);
}

TEST_CASE("engine_raise_lists_all: a raise is void if another gateway has come meanwhile") {
  CHECK(level_after_another_one_has_come() == newest_level);
  CHECK(without("engine_raise_lists_all", level_after_another_one_has_come) == next_level);
}

TEST_CASE(
    "the time that all have known a level counts anew after a break, and is told by who will raise it") {
  Two two(next_level);
  two.first.lose();
  two.first.connect();
  two.write();
  two.pass(1500ms);
  CHECK(two.first.log->machine().level() == newest_level);
  CHECK(two.first.log->level_view().due);
  CHECK_FALSE(two.second.log->level_view().due);
  two.pass(1s);
  CHECK(two.first.log->machine().level() == next_level);
}

TEST_CASE("nothing is known of the level before the log was read") {
  Engine engine;
  make_log(engine);
  Gateway gateway(engine, {.first = true, .level = next_level});
  CHECK(gateway.log->level_view().level == 0);
  CHECK(gateway.log->level_view().next == 0);
  gateway.connect();
  CHECK(gateway.log->level_view().level == newest_level);
  CHECK(gateway.log->level_view().next == next_level);
  gateway.lose();
  CHECK(gateway.log->level_view().level == newest_level);
}

TEST_CASE("an operator's word is void where the log cannot be followed") {
  Engine engine;
  make_log(engine);
  Gateway gateway(engine, {.first = true, .level = next_level});
  gateway.connect();
  SECTION("it is down") {
    gateway.lose();
    gateway.tell(RaiseNow{});
    gateway.pass(1s);
    gateway.connect();
  }
  SECTION("it takes nothing") {
    engine.full = "host: database space exceeded";
    gateway.tell(RaiseNow{});
    CHECK_FALSE(gateway.serves());
    engine.full.clear();
  }
  SECTION("what it is sent gets lost, for longer than the operator waits") {
    engine.epoch = 99;  // who appends names an epoch that is not open
    gateway.tell(RaiseNow{});
    gateway.pass(12s);
    engine.epoch = 1;
  }
  gateway.pass(5s);
  CHECK(gateway.serves());
  CHECK(gateway.log->machine().level() == newest_level);
  CHECK(engine.entries_of(EngineEntry::Kind::raise) == 0);
  gateway.tell(RaiseNow{});
  CHECK(gateway.log->machine().level() == next_level);
}

TEST_CASE("a raise of which no answer came is one entry, and a second one of it changes nothing") {
  Engine engine;
  make_log(engine);
  Gateway gateway(engine, {.first = true, .level = next_level});
  gateway.connect();
  gateway.deaf = true;
  gateway.tell(RaiseNow{});
  gateway.pass(3s);
  gateway.deaf = false;
  CHECK(engine.entries_of(EngineEntry::Kind::raise) == 1);
  CHECK(gateway.log->machine().level() == newest_level);
  gateway.append(entry_of(third, service::Register{third, 5, {}, next_level, "third", {}, {}}));
  CHECK(gateway.log->machine().level() == next_level);
  gateway.append(raise_to(next_level, {{self, gateway.log->life()}, {third, 5}}));
  CHECK(gateway.log->machine().level() == next_level);
  CHECK_FALSE(gateway.halted);
  CHECK(gateway.serves());
}

TEST_CASE("a raise that another gateway has overtaken is said again, with that one in it") {
  Engine engine;
  make_log(engine);
  Gateway gateway(engine, {.first = true, .level = next_level});
  gateway.connect();
  engine.epoch = 99;  // it is on its way
  gateway.tell(RaiseNow{});
  engine.epoch = 1;
  gateway.append(entry_of(third, service::Register{third, 5, {}, next_level, "third", {}, {}}));
  REQUIRE(engine.entries_of(EngineEntry::Kind::raise) == 0);
  gateway.append(raise_to(next_level, {{self, gateway.log->life()}}));  // it comes, and is void
  CHECK(engine.entries_of(EngineEntry::Kind::raise) == 2);
  CHECK(gateway.log->machine().level() == next_level);
}

TEST_CASE("a raise that a seal has overtaken is said again behind it") {
  Engine engine;
  make_log(engine);
  Gateway gateway(engine, {.first = true, .level = next_level});
  gateway.connect();
  engine.epoch = 99;  // it is on its way, and comes too late
  gateway.tell(RaiseNow{});
  engine.epoch = 1;
  engine.ask(gateway, engine::Seal{1});
  gateway.pass(2s);
  CHECK(engine.entries_of(EngineEntry::Kind::raise) == 1);
  CHECK(gateway.log->machine().level() == next_level);
}

TEST_CASE("a state of a later level is refused with what to install, and is not read again at once") {
  Engine engine;
  make_log(engine);
  Gateway gateway(engine, {.seal_every = 20, .first = true, .level = next_level});
  gateway.connect();
  Gateway old(engine, {.node = other});
  old.connect();
  gateway.pass(1s);
  REQUIRE(old.serves());
  old.lose();
  gateway.append(entry_of(third, service::Forget{other, gateway.log->machine().registration(other)}));
  gateway.tell(RaiseNow{});
  for (int i = 0; i < 30; ++i) gateway.tell(Submit{3, service::Renew{}});
  REQUIRE(engine.state.epoch == 2);
  const std::size_t reports = old.reports.size();
  old.connect();
  CHECK_FALSE(old.serves());
  CHECK_FALSE(old.halted);
  CHECK(old.trouble().find("install the release") != std::string::npos);
  CHECK(old.log->machine().level() == newest_level);
  const int loads = engine.loads;
  old.pass(30s);
  CHECK(engine.loads == loads);
  old.pass(40s);
  CHECK(engine.loads == loads + 1);
  CHECK(old.reports.size() == reports + 1);
}

TEST_CASE("an idle log rises by an operator's word, and an earlier release that comes back stops") {
  Engine engine;
  make_log(engine);
  Gateway gateway(engine, {.first = true, .level = next_level});
  gateway.connect();
  Gateway old(engine, {.node = other});
  old.connect();
  gateway.pass(1s);
  old.lose();
  gateway.append(entry_of(third, service::Forget{other, gateway.log->machine().registration(other)}));
  gateway.now += 20min;
  gateway.tell(Tick{});
  CHECK(gateway.log->machine().level() == newest_level);
  gateway.tell(RaiseNow{});
  CHECK(gateway.log->machine().level() == next_level);
  old.connect();
  REQUIRE(old.halted);
  CHECK(old.halted->find("install the release") != std::string::npos);
  gateway.tell(Submit{3, service::Renew{}});
  CHECK(gateway.serves());
}
