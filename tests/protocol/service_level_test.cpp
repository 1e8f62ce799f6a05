// SPDX-License-Identifier: MIT
// What a level fixes of the machine's rules.
#include <catch2/catch.hpp>

#include "service/state_machine.hpp"

using namespace coord;
using namespace coord::service;
using namespace std::chrono_literals;

// What release 0.1.0 refuses beyond. A peer of it may stand beside one of today at this level: none of these
// may ever change. Another number is one of a later level.
TEST_CASE("the bounds of level 1 are those of release 0.1.0") {
  const Limits limits = limits_of_level(1);
  CHECK(limits.sessions == 20'000);
  CHECK(limits.sessions_of_user == 5'000);
  CHECK(limits.requests == 40'000);
  CHECK(limits.requests_of_session == 64);
  CHECK(limits.names == 40'000);
  CHECK(limits.names_a_request == 64);
  CHECK(limits.all_name_bytes == 16'777'216);
  CHECK(limits.nodes == 1'024);
  CHECK(limits.name_bytes == 255);
  CHECK(limits.permits == 10'000);
  CHECK(limits.owner_bytes == 8'192);
  CHECK(limits.all_owner_bytes == 16'777'216);
  CHECK(limits.sessions_a_renew == 4'096);
  CHECK(limits.nesting == 32);
  CHECK(limits.history_holds == 32);
  CHECK(limits.history_names == 4'096);
  CHECK(limits.history_bytes == 4'194'304);
  CHECK(limits.history_command == 128);
  CHECK(limits.shown_cycle == 8);
  CHECK(limits.value_bytes == 1'024);
  CHECK(limits.candidates == 20'000);
  CHECK(limits.enrolments == 10'000);
  CHECK(limits.books == 20'000);
  CHECK(limits.slot_keys == 60'000);
  CHECK(limits.slot_key_bytes == 255);
  CHECK(limits.all_slot_bytes == 8'388'608);
  CHECK(limits.attempts == 1'000);
  CHECK(limits.period_low == 1s);
  CHECK(limits.participants == 4'096);
  CHECK(limits.participant_bytes == 100);
  CHECK(limits.expect_bytes == 65'536);
  CHECK(limits.barriers == 4'096);
  CHECK(limits.idle_barriers == 1'024);
  CHECK(limits.idle_barrier_bytes == 4'194'304);
  CHECK(limits.all_barrier_bytes == 16'777'216);
  CHECK(limits.window == 4'096);
  CHECK(limits.ttl_low == 10ms);
  CHECK(limits.late_window == 12h);
  CHECK(limits.duration_high == 744h);
}

TEST_CASE("a machine that comes from a snapshot is at the snapshot's level") {
  State state = StateMachine::at_level(2).state();
  CHECK(StateMachine::restore(state)->level() == 2);
  state.level = 1;
  CHECK(StateMachine::restore(state)->level() == 1);
}

TEST_CASE("a raise is no first command: the tokens of a group are placed by one") {
  StateMachine machine;
  (void)machine.apply_raise(LogIndex{1}, {2, {}}, {NodeId{1}});
  (void)machine.apply(LogIndex{2},
                      {.wall = WallTime{1'700'000'000'000'000'000}, .body = Register{NodeId{1}, 1, {}}});
  CHECK(machine.state().token_base == Token{1'700'000'000ULL << 20U});
}
