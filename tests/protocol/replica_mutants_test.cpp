// SPDX-License-Identifier: MIT
// Rules of the sessions that are removed one at a time where no storm is needed to notice.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "replica_desk.hpp"

using namespace coord;
using namespace coord::replica;

namespace {

// How long after the last renewal that succeeded a command is killed, if its peer was killed and started
// again on the way.
Duration lives_after_renewal() {
  OneHost desk;
  desk.holds(1);
  const Instant sent = desk.now;
  desk.now += 5s;
  desk.restarts({1});
  desk.quorum(false);
  while (desk.stops.empty() || !desk.stops.back().kill) desk.pass(10ms);
  return desk.now - sent;
}

// Sessions left after the records were lost under a command that runs, and the peer
// was then killed once more.
std::size_t left_after_lost_records() {
  OneHost desk;
  desk.holds(1);
  desk.kept.clear();
  desk.restarts({}, false);
  desk.registers_again(11);
  desk.order();
  desk.restarts({});
  desk.registers_again(12);
  desk.order();
  return desk.machine.state().sessions.size();
}

}  // namespace

TEST_CASE("resumed_from_last_renewal: a restarted peer that counts from its own start is noticed") {
  CHECK(lives_after_renewal() <= 8010ms);
  mutants::removed = "resumed_from_last_renewal";
  const Duration without = lives_after_renewal();
  mutants::removed.clear();
  CHECK(without > 10s);  // the lease is over by then
}

TEST_CASE("given_up_is_in_nobodys_way: a -n that a request given up before it keeps out is noticed") {
  const auto gets_in = [] {
    OneHost desk;
    desk.acquires(1, 10s, false);
    desk.quorum(false);
    desk.pass(1s);
    desk.acquires(2, 10s, false);
    desk.quorum(true);
    desk.order();
    return !desk.told<local::Granted>(2).empty();
  };
  CHECK(gets_in());
  mutants::removed = "given_up_is_in_nobodys_way";
  CHECK_FALSE(gets_in());
  mutants::removed.clear();
}

TEST_CASE("break_only_own_or_root: a stranger who breaks a lock is noticed") {
  const auto breaks = [] {
    OneHost desk;
    desk.holds(1);
    desk.foreign({.node = desk.other,
                  .client = desk.machine.registration(desk.other),
                  .sequence = 1,
                  .body = service::Break{desk.session_of(1), 1001, "stranger"}});
    return !desk.told<local::Lost>(1).empty();
  };
  CHECK_FALSE(breaks());
  mutants::removed = "break_only_own_or_root";
  const bool without = breaks();
  mutants::removed.clear();
  CHECK(without);
}

TEST_CASE("bare_command_stopped_first: a lock that passes on over a running command is noticed") {
  const auto passes_on = [] {
    OneHost desk;
    desk.holds_so(1, [](local::Acquire& request) { request.bare = true; });
    desk.tool_gone(1);
    desk.holders_gone(1);
    desk.order();
    return desk.machine.state().sessions.empty();
  };
  CHECK_FALSE(passes_on());
  mutants::removed = "bare_command_stopped_first";
  const bool without = passes_on();
  mutants::removed.clear();
  CHECK(without);
}

TEST_CASE("strangers_since_records: closing sessions that are older than the records is noticed") {
  CHECK(left_after_lost_records() == 1);
  mutants::removed = "strangers_since_records";
  const std::size_t without = left_after_lost_records();
  mutants::removed.clear();
  CHECK(without == 0);
}

TEST_CASE("watch_shows_what_a_snapshot_brought: a watch that loses the last change is noticed") {
  const auto last_shown = [] {
    OneHost desk;
    desk.machine = service::StateMachine::at_level(2);
    desk.registers_anew();
    desk.says(1, local::Hello{local::protocol_version, "dkv", 2});
    desk.says(1, local::Question{8, service::GetValue{"k"}, false, true});
    desk.questions_are_answered();
    desk.says(1, local::Order{7, service::PutValue{"k", "one", {}, 0, {}}});
    desk.order();
    desk.snapshot_brings([](service::State& state) { state.values.at("k").bytes = "two"; });
    return std::get<service::ValueView>(desk.told<local::Shown>(1).back().what).value;
  };
  CHECK(last_shown() == "two");
  mutants::removed = "watch_shows_what_a_snapshot_brought";
  const std::string without = last_shown();
  mutants::removed.clear();
  CHECK(without == "one");
}
