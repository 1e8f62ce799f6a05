// SPDX-License-Identifier: MIT
// Somebody wants a session ended: its command is stopped first.
#include <catch2/catch.hpp>

#include "replica_desk.hpp"

using namespace coord;
using namespace coord::replica;

namespace {

void broken_elsewhere(OneHost& desk, std::uint64_t connection) {
  desk.foreign({.node = desk.other,
                .client = desk.machine.registration(desk.other),
                .sequence = ++desk.rival_sequence,
                .body = service::Break{desk.session_of(connection), 0, "root"}});
}

}  // namespace

TEST_CASE("the wrapper is told when to kill, and the session closes as broken when it lets go") {
  OneHost desk;
  desk.holds(1);  // with a grace of 2 s
  broken_elsewhere(desk, 1);
  REQUIRE(desk.told<local::Lost>(1).size() == 1);
  CHECK(desk.told<local::Lost>(1)[0].kill_at == desk.now + 2s);
  CHECK(desk.machine.state().sessions.size() == 1);
  desk.pass(500ms);
  desk.says(1, local::Release{1});
  REQUIRE(desk.next<service::Close>() != nullptr);
  CHECK(desk.next<service::Close>()->why == service::CloseReason::broken);
  desk.order();
  CHECK(desk.told<local::Released>(1).size() == 1);
  CHECK(desk.machine.state().sessions.empty());
}

TEST_CASE("without a wrapper the peer sends TERM and KILL, and closes when the last holder is gone") {
  OneHost desk;
  desk.holds(1);
  desk.tool_gone(1);
  broken_elsewhere(desk, 1);
  desk.pass(1900ms);
  REQUIRE(desk.stops.size() == 1);
  CHECK_FALSE(desk.stops[0].kill);
  desk.pass(200ms);
  REQUIRE(desk.stops.size() == 2);
  CHECK(desk.stops[1].kill);
  CHECK(desk.machine.state().sessions.size() == 1);
  desk.holders_gone(1);
  desk.order();
  CHECK(desk.machine.state().sessions.empty());
}

TEST_CASE("a renewal on its way neither saves what is broken nor moves its end") {
  OneHost desk;
  desk.holds(1);
  desk.pass(2500ms);
  broken_elsewhere(desk, 1);
  desk.order();  // the renewal
  desk.pass(2100ms);
  REQUIRE_FALSE(desk.stops.empty());
  CHECK(desk.stops.back().kill);
}

TEST_CASE("a break that was ordered while the peer was down is found with the first renewal") {
  OneHost desk;
  desk.holds(1);
  const SessionId session = desk.session_of(1);
  desk.machine.apply(LogIndex{100}, {.node = desk.other,
                                     .client = desk.machine.registration(desk.other),
                                     .sequence = 1,
                                     .body = service::Break{session, 0, "root"}});
  desk.skip_to(LogIndex{100});
  desk.restarts({1});
  desk.registers_again(11);
  desk.order();
  desk.pass(2100ms);
  REQUIRE_FALSE(desk.stops.empty());
  CHECK(desk.stops.back().kill);
}

TEST_CASE("who asks is answered at the session's end, at once if it has ended, and told why not") {
  OneHost desk;
  desk.holds(1);
  desk.says(2, local::Hello{local::protocol_version, "dlock"});
  desk.says(2, local::Break{7, desk.session_of(1)});
  desk.order();
  CHECK(desk.told<local::Released>(2).empty());
  desk.says(1, local::Release{1});
  desk.order();
  REQUIRE(desk.told<local::Released>(2).size() == 1);
  CHECK(desk.told<local::Released>(2)[0].request == 7);
  desk.says(2, local::Break{8, SessionId{999}});
  desk.order();
  CHECK(desk.told<local::Released>(2).size() == 2);
  desk.holds(3);
  desk.who_name = "stranger";
  desk.says(4, local::Hello{local::protocol_version, "dlock"});
  desk.says(4, local::Break{9, desk.session_of(3)});
  desk.order();
  REQUIRE(desk.told<local::Refused>(4).size() == 1);
  CHECK(desk.told<local::Lost>(3).empty());
}
