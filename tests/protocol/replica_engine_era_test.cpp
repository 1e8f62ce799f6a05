// SPDX-License-Identifier: MIT
// New eras of a log that was restored: who lets them grant, and when. Others: replica_engine_trust_test.cpp.
#include "replica_engine_world.hpp"

using namespace coord;
using namespace coord::replica;
using namespace coord::replica::engine_test;
using namespace std::chrono_literals;

namespace {

// An operator waits until the leases of an era are over. Meanwhile another one begins a further era, as
// a gateway has come that knows of a long lease. Whether the first one lets that era grant too soon.
bool opens_another_ones_era() {
  Engine engine;
  Gateway knows(engine, {.node = other});
  knows.connect();
  const Engine::Log backup = engine.copy();
  (void)knows.session_of(third, 3600s);
  knows.pass(20ms);
  knows.lose();
  engine.restore(backup);
  Gateway first(engine, {.node = NodeId{77}, .first = true, .registers = false});
  Gateway second(engine, {.node = NodeId{78}, .first = true, .registers = false});
  const auto pass = [&](Duration time) {
    for (const Instant end = first.now + time; first.now < end;) {
      first.operate(100ms);
      knows.pass(100ms);
      second.operate(100ms);
    }
  };
  first.connect();
  first.begin_era(Token{std::uint64_t{1'900'000'000} << 20U});
  pass(12s);
  REQUIRE_FALSE(first.log->is_beginning_era());
  REQUIRE(first.log->longest_lease() < 3600s);
  knows.connect();
  second.connect();
  second.begin_era(Token{std::uint64_t{1'900'000'100} << 20U});
  pass(12s);
  REQUIRE_FALSE(second.log->is_beginning_era());
  REQUIRE(second.log->longest_lease() == 3600s);
  pass(40s);
  const bool is_open = !first.log->machine().state().closed;
  if (!is_open) {
    CHECK(*first.log->opens_at() >= *second.log->opens_at());
    CHECK(*first.log->opens_at() < *second.log->opens_at() + 5s);
  }
  return is_open;
}

}  // namespace

TEST_CASE("era_waits_for_its_own_leases: two operators, and the second one's era has longer leases") {
  CHECK_FALSE(opens_another_ones_era());
  CHECK(without("era_waits_for_its_own_leases", opens_another_ones_era));
}

TEST_CASE("an era grants when it is time, counted from the end of the former one") {
  Engine engine;
  {
    Gateway maker(engine, {.node = other});
    maker.connect();
  }
  Gateway operators(engine, {.node = NodeId{77}, .first = true, .registers = false});
  operators.connect();
  const Instant begin = operators.now;
  operators.begin_era(Token{std::uint64_t{1'900'000'000} << 20U});
  operators.operate(30s);
  CHECK(operators.log->opens_at() == begin + 31s);
  CHECK(operators.log->machine().state().closed);
  operators.operate(2s);
  CHECK_FALSE(operators.log->machine().state().closed);
}

TEST_CASE("what was held back of a former era is not told in the next one") {
  Engine engine;
  Gateway before(engine, {.node = other});
  before.connect();
  Gateway late(engine);  // in doubt: nobody answers
  late.connect();
  before.lose();
  late.append(entry_of(third, service::Register{third, 5, {}, 2, "third", {}, {}}));
  const std::string held = "applied " + std::to_string(late.log->applied().value);
  REQUIRE_FALSE(late.serves());
  Gateway operators(engine, {.node = NodeId{77}, .first = true, .registers = false});
  operators.connect();
  operators.begin_era(Token{std::uint64_t{1'900'000'000} << 20U});
  operators.pass(14s);
  late.pass(14s);
  CHECK(late.log->machine().state().closed);
  operators.confirm_to_all();
  late.pass(6s);
  REQUIRE(late.serves());
  CHECK(std::ranges::find(late.order, held) == late.order.end());
}
