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
  Gateway maker(engine, {.node = third, .registers = false});
  maker.connect();
  REQUIRE(engine.makes == 1);
}

// Known to all: `first` has the log, and a second one comes with `knows`, both of which write.
struct Two {
  struct Made : Engine {
    Made() { make_log(*this); }
  } engine;
  Gateway first, second;
  explicit Two(Level knows)
      : first(engine, {.level = next_level, .raise_after = 2s}),
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
  Gateway gateway(engine, {.level = next_level});
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
  two.write(30);  // a state of that level is kept
  CHECK((*decode_engine_entry(two.engine.items.back().bytes))->level == next_level);
  REQUIRE(two.engine.state.epoch == 2);
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

TEST_CASE("an idle log rises by an operator's word, and an earlier release that comes back stops") {
  Engine engine;
  make_log(engine);
  Gateway gateway(engine, {.level = next_level});
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
