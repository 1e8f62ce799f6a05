// SPDX-License-Identifier: MIT
// Sessions of a peer that is killed and started again under its holders.
#include <catch2/catch.hpp>

#include "replica_desk.hpp"

using namespace coord;
using namespace coord::replica;

namespace {

HoldRecord record_of(const OneHost& desk, std::uint64_t connection) {
  for (const auto& [session, record] : desk.kept) {
    if (record.pid == 100 + connection) return record;
  }
  FAIL("no record of connection " << connection);
  return {};
}

}  // namespace

TEST_CASE("a hold is recorded before it is told, with every renewal, and forgotten with its release") {
  OneHost desk;
  desk.acquires(1);
  desk.order();
  REQUIRE(desk.kept.size() == 1);
  CHECK(desk.kept.begin()->second.renewal_sent == desk.now);
  CHECK(desk.kept.begin()->second.secret == desk.told<local::Granted>(1)[0].secret);
  desk.says(1, local::Started{1, 101, 2s});
  CHECK(record_of(desk, 1).grace == 2s);
  desk.pass(3s);
  desk.order();
  CHECK(record_of(desk, 1).renewal_sent == desk.told<local::Renewed>(1)[0].sent);
  desk.says(1, local::Release{1});
  CHECK(desk.kept.empty());
}

TEST_CASE(
    "a holder that is left is taken up: renewed first, under its old deadline until that has succeeded") {
  OneHost desk;
  desk.holds(1);
  const HoldRecord before = record_of(desk, 1);
  desk.pass(2s);
  desk.restarts({1});
  desk.registers_again(11);
  REQUIRE(desk.next<service::Renew>() != nullptr);
  desk.resumes(2, before);
  REQUIRE(desk.told<local::Renewed>(2).size() == 1);
  CHECK(desk.told<local::Renewed>(2)[0].sent == before.renewal_sent);
  REQUIRE(desk.moves.size() == 1);
  CHECK(desk.moves[0].to == ConnectionId{2});
  const Instant sent = desk.now;
  desk.order();
  CHECK(desk.told<local::Renewed>(2).back().sent == sent);
  CHECK(desk.stops.empty());
  desk.says(2, local::Release{1});
  desk.order();
  CHECK(desk.told<local::Released>(2).size() == 1);
  CHECK(desk.machine.state().sessions.empty());
}

TEST_CASE("without a renewal the deadline is that of before the peer was killed") {
  OneHost desk;
  desk.holds(1);
  desk.pass(2s);
  desk.restarts({1});
  desk.quorum(false);
  desk.pass(5900ms);
  CHECK((desk.stops.empty() || !desk.stops.back().kill));
  desk.pass(200ms);
  REQUIRE_FALSE(desk.stops.empty());
  CHECK(desk.stops.back().kill);
}

TEST_CASE("a peer that comes back too late kills the command at once, and says so to its wrapper") {
  OneHost desk;
  desk.holds(1);
  const HoldRecord before = record_of(desk, 1);
  desk.now += 9s;
  desk.restarts({1});
  REQUIRE(desk.stops.size() == 1);
  CHECK(desk.stops[0].kill);
  desk.resumes(2, before);
  CHECK(desk.told<local::Lost>(2).size() == 1);
  CHECK(desk.told<local::Renewed>(2).empty());
}

TEST_CASE("a lease that ended while the peer was down is lost, though its own clock knows nothing of it") {
  OneHost desk;
  desk.holds(1);
  const SessionId session = desk.session_of(1);
  desk.machine.apply(LogIndex{100}, {.body = service::Expire{session, 0}});
  desk.skip_to(LogIndex{100});
  desk.restarts({1});
  desk.registers_again(11);
  desk.order();
  REQUIRE(desk.stops.size() == 1);
  CHECK(desk.stops[0].kill);
}

TEST_CASE(
    "sessions of an earlier life whose holders are gone, or were never told of their grant, are closed") {
  OneHost desk;
  desk.holds(1, 10s, "one");
  desk.holds(2, 10s, "two");
  desk.acquires(3, 10s, true, "one");  // waits
  desk.order();
  REQUIRE(desk.machine.state().sessions.size() == 3);
  SECTION("all that is known is there") {
    desk.restarts({1});
    desk.registers_again(11);
    desk.order();
    CHECK(desk.machine.sessions_of(desk.self) == std::vector<SessionId>{desk.session_of(1)});
  }
  SECTION("the records are gone: what they said is left to its lease") {
    desk.kept.clear();
    desk.restarts({}, false);
    desk.registers_again(11);
    desk.order();
    CHECK(desk.machine.state().sessions.size() == 3);
  }
}

TEST_CASE("a session is resumed only by who shows its secret and is the same user") {
  OneHost desk;
  desk.holds(1);
  HoldRecord record = record_of(desk, 1);
  desk.restarts({1});
  record.secret.low ^= 1;
  desk.resumes(2, record);
  CHECK(desk.told<local::Lost>(2).size() == 1);
  CHECK(desk.moves.empty());
  record.secret.low ^= 1;
  desk.uid = 1001;
  desk.resumes(3, record);
  CHECK(desk.told<local::Lost>(3).size() == 1);
  desk.uid = 1000;
  desk.resumes(4, record);
  CHECK(desk.told<local::Renewed>(4).size() == 1);
}

TEST_CASE("a connection that broke while its peer lives is taken over by the new one") {
  OneHost desk;
  desk.holds(1);
  desk.resumes(2, record_of(desk, 1));
  CHECK(desk.told<local::Renewed>(2).size() == 1);
  desk.tool_gone(1);
  desk.pass(20s);
  CHECK(desk.told<local::Renewed>(2).size() == 1);  // nothing is ordered: no renewal succeeds
  CHECK(desk.told<local::Lost>(2).size() == 1);
}
