// SPDX-License-Identifier: MIT
// The sessions of a host's tools, against a log that the test orders by hand.
#include <catch2/catch.hpp>

#include "replica_desk.hpp"

using namespace coord;
using namespace coord::replica;

TEST_CASE("a lock is granted, renewed, and released") {
  OneHost desk;
  desk.holds(1);
  REQUIRE(desk.told<local::Granted>(1).size() == 1);
  CHECK(desk.told<local::Granted>(1)[0].sent == desk.now);
  desk.pass(2500ms);
  REQUIRE(desk.next<service::Renew>() != nullptr);
  desk.order();
  CHECK(desk.told<local::Renewed>(1).size() == 1);
  desk.says(1, local::Release{1});
  CHECK(desk.told<local::Released>(1).empty());
  desk.order();
  CHECK(desk.told<local::Released>(1).size() == 1);
  desk.tool_gone(1);
  CHECK(desk.over == std::vector<ConnectionId>{ConnectionId{1}});
  CHECK(desk.machine.state().sessions.empty());
  CHECK(desk.desk->size() == 0);
}

TEST_CASE("a tool that goes without a word leaves nothing behind") {
  OneHost desk;
  desk.tool_gone(7);
  CHECK(desk.over == std::vector<ConnectionId>{ConnectionId{7}});
  CHECK(desk.desk->size() == 0);
}

TEST_CASE("no wait (-n) of a lock that is held is refused as held") {
  OneHost desk;
  desk.rival_takes();
  desk.acquires(1, 10s, false);
  desk.order();
  REQUIRE(desk.told<local::Refused>(1).size() == 1);
  CHECK(desk.told<local::Refused>(1)[0].kind == local::RefusedKind::held);
}

TEST_CASE("a wait without a quorum goes on, and says so when the quorum comes and goes") {
  OneHost desk;
  desk.quorum(false);
  desk.acquires(1);
  REQUIRE(desk.told<local::Waiting>(1).size() == 1);
  CHECK_FALSE(desk.told<local::Waiting>(1)[0].quorum);
  desk.quorum(true);
  CHECK(desk.told<local::Waiting>(1).back().quorum);
  desk.order();
  CHECK(desk.told<local::Granted>(1).size() == 1);
}

TEST_CASE("cancel against grant: whichever was ordered first is the answer, and only that") {
  OneHost desk;
  const SessionId rival = desk.rival_takes();
  desk.acquires(1);
  desk.order();
  desk.says(1, local::Cancel{1});
  SECTION("the grant") {
    desk.rival_gives_back(rival);
    desk.order();
    CHECK(desk.told<local::Granted>(1).size() == 1);
    CHECK(desk.told<local::Cancelled>(1).empty());
    CHECK(desk.machine.state().sessions.size() == 1);
  }
  SECTION("the cancel") {
    desk.order();
    desk.rival_gives_back(rival);
    desk.order();
    CHECK(desk.told<local::Granted>(1).empty());
    REQUIRE(desk.told<local::Cancelled>(1).size() == 1);
    CHECK(desk.told<local::Cancelled>(1)[0].quorum);
    CHECK(desk.machine.state().sessions.empty());
  }
  SECTION("neither: the quorum is lost") {
    desk.quorum(false);
    desk.pass(1s);
    REQUIRE(desk.told<local::Cancelled>(1).size() == 1);
    CHECK_FALSE(desk.told<local::Cancelled>(1)[0].quorum);
    desk.quorum(true);
    desk.rival_gives_back(rival);  // granted to nobody: closed again
    desk.order();
    CHECK(desk.told<local::Granted>(1).empty());
    CHECK(desk.machine.state().sessions.empty());
  }
}

TEST_CASE("a cancel before the Acquire is ordered is sent after it") {
  OneHost desk;
  desk.rival_takes();
  desk.acquires(1);
  desk.says(1, local::Cancel{1});
  CHECK(desk.log.size() == 1);
  desk.order();
  CHECK(desk.told<local::Cancelled>(1).size() == 1);
  CHECK(desk.machine.state().requests.size() == 1);  // the rival's
}

TEST_CASE("a wrapper is killed while its command runs: the lock stays until the command ends") {
  OneHost desk;
  desk.holds(1);
  desk.tool_gone(1);
  CHECK(desk.log.empty());
  desk.pass(2500ms);
  CHECK(desk.next<service::Renew>() != nullptr);  // still renewed
  desk.order();
  desk.holders_gone(1);
  REQUIRE(desk.next<service::Close>() != nullptr);
  CHECK(desk.next<service::Close>()->why == service::CloseReason::holder_gone);
  desk.order();
  CHECK(desk.machine.state().sessions.empty());
  CHECK(desk.over.size() == 1);
}

TEST_CASE(
    "a release while children of the command are left is answered, and takes effect when they are gone") {
  OneHost desk;
  desk.holds(1);
  desk.says(1, local::Release{1}, true);
  CHECK(desk.told<local::Released>(1).size() == 1);
  desk.tool_gone(1);
  desk.order();
  CHECK(desk.machine.state().sessions.size() == 1);
  desk.holders_gone(1);
  desk.order();
  CHECK(desk.machine.state().sessions.empty());
}

TEST_CASE("a release that was said while the command's descriptor was still open is a release, not a loss") {
  const bool first_gone = GENERATE(false, true);
  OneHost desk;
  desk.holds(1);
  desk.says(1, local::Release{1}, true);
  if (first_gone) desk.tool_gone(1);
  desk.holders_gone(1);
  REQUIRE(desk.next<service::Close>() != nullptr);
  CHECK(desk.next<service::Close>()->why == service::CloseReason::finished);
  desk.order();
  CHECK(desk.machine.state().sessions.empty());
}

TEST_CASE("a grant that comes too late to be of use is given back and asked for anew") {
  OneHost desk;
  desk.acquires(1, 10s);
  desk.pass(9s);
  desk.order(1);
  CHECK(desk.told<local::Granted>(1).empty());
  CHECK(desk.machine.state().sessions.size() == 1);
  desk.order();
  REQUIRE(desk.told<local::Granted>(1).size() == 1);  // under a new session, with a deadline of its own
  CHECK(desk.told<local::Granted>(1)[0].sent == desk.now);
  CHECK(desk.machine.state().sessions.size() == 1);
}

TEST_CASE("what is due at about the same time is renewed by one command") {
  OneHost desk;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    desk.holds(i, 10s, std::to_string(i));
    desk.pass(100ms);
  }
  desk.pass(2200ms);  // the first is due
  REQUIRE(desk.log.size() == 1);
  CHECK(desk.next<service::Renew>()->sessions.size() == 3);
  desk.order();
  for (std::uint64_t i = 1; i <= 3; ++i) CHECK(desk.told<local::Renewed>(i).size() == 1);
}

TEST_CASE("the deadline counts from the sending of the renewal, however late it is ordered") {
  OneHost desk;
  desk.holds(1, 10s);
  const Instant granted = desk.now;
  desk.pass(2500ms);
  const Instant sent = desk.now;
  desk.pass(3s);
  desk.order();
  REQUIRE(desk.told<local::Renewed>(1).size() == 1);
  CHECK(desk.told<local::Renewed>(1)[0].sent == sent);
  CHECK(desk.told<local::Renewed>(1)[0].deadline == sent + 10s);
  CHECK(sent == granted + 2500ms);
  // No further renewal is ordered: TERM a grace before, KILL and the news by 0.8 TTL after that sending.
  desk.pass(sent + 6300ms - desk.now);
  REQUIRE(desk.stops.size() == 1);
  CHECK_FALSE(desk.stops[0].kill);
  CHECK(desk.told<local::Lost>(1).empty());
  desk.pass(sent + 8s - desk.now);
  REQUIRE(desk.stops.size() == 2);
  CHECK(desk.stops[1].kill);
  CHECK(desk.stops[1].pid == 101);
  CHECK(desk.told<local::Lost>(1).size() == 1);
}

TEST_CASE("a lease that has ended at the leader stops the command at once") {
  OneHost desk;
  desk.holds(1);
  desk.expire(1);
  CHECK(desk.told<local::Lost>(1).size() == 1);
  REQUIRE(desk.stops.size() == 1);
  CHECK(desk.stops[0].kill);
}

TEST_CASE("a waiter whose lease has ended goes back to the end of the line") {
  OneHost desk;
  const SessionId rival = desk.rival_takes();
  desk.acquires(1);
  desk.order();
  const SessionId first{desk.machine.state().sessions.rbegin()->first};
  desk.foreign({.body = service::Expire{first, 0}});
  CHECK(desk.told<local::Lost>(1).empty());
  desk.order();
  desk.rival_gives_back(rival);
  REQUIRE(desk.told<local::Granted>(1).size() == 1);
  CHECK(desk.session_of(1) != first);
}

TEST_CASE("an Acquire whose tool is gone before it is ordered leaves nothing behind") {
  OneHost desk;
  const bool free = GENERATE(true, false);
  if (!free) desk.rival_takes();
  desk.acquires(1);
  desk.tool_gone(1);
  desk.order();
  CHECK(desk.machine.state().sessions.size() == (free ? 0 : 1));
  CHECK(desk.desk->size() == 0);
  CHECK(desk.told<local::Granted>(1).empty());
}

TEST_CASE("a release without a quorum is answered at once and ordered later") {
  OneHost desk;
  desk.holds(1);
  SECTION("asked without one") {
    desk.quorum(false);
    desk.says(1, local::Release{1});
  }
  SECTION("lost while it is on its way") {
    desk.says(1, local::Release{1});
    CHECK(desk.told<local::Released>(1).empty());
    desk.quorum(false);
  }
  CHECK(desk.told<local::Released>(1).size() == 1);
  desk.tool_gone(1);
  desk.quorum(true);
  desk.order();
  CHECK(desk.machine.state().sessions.empty());
  CHECK(desk.told<local::Released>(1).size() == 1);
}

TEST_CASE("what makes no sense is refused and changes nothing") {
  OneHost desk;
  const auto refused = [&](std::uint64_t connection) {
    const auto all = desk.told<local::Refused>(connection);
    return all.empty() ? std::optional<local::RefusedKind>{} : all.back().kind;
  };
  local::Acquire request;
  request.request = 1;
  request.names = {"lock"};
  request.ttl = 10s;
  desk.says(1, request);  // without a greeting
  CHECK(refused(1) == local::RefusedKind::protocol);
  desk.says(2, local::Hello{local::protocol_version + 1, "dlock"});
  CHECK(refused(2) == local::RefusedKind::protocol);
  desk.acquires(3, 1ms);
  CHECK(refused(3) == local::RefusedKind::mismatch);
  desk.says(4, local::Release{1});
  CHECK(refused(4) == local::RefusedKind::protocol);
  desk.says(5, local::Cancel{1});
  desk.says(5, local::Started{1, 5, 1s});
  CHECK(desk.log.empty());
  desk.acquires(6);
  desk.says(6, request);  // a second one at the same time
  CHECK(refused(6) == local::RefusedKind::protocol);
  CHECK(desk.log.size() == 1);
  desk.acquires(7, 10s, true, "-n");
  desk.order();
  CHECK(refused(7) == local::RefusedKind::mismatch);
}

TEST_CASE("there is a bound on connections") {
  OneHost desk;
  for (std::uint64_t i = 1; i <= 101; ++i) desk.says(i, local::Hello{local::protocol_version, "dlock"});
  CHECK(desk.desk->size() == 100);
  REQUIRE(desk.told<local::Refused>(101).size() == 1);
  CHECK(desk.told<local::Refused>(101)[0].kind == local::RefusedKind::limit);
  CHECK(desk.over == std::vector<ConnectionId>{ConnectionId{101}});
}

TEST_CASE("a command that nobody puts into the log is a refusal for its tool") {
  OneHost desk;
  desk.acquires(1);
  desk.reject("the disk is nearly full: free some space there");
  REQUIRE(desk.told<local::Refused>(1).size() == 1);
  CHECK(desk.told<local::Refused>(1)[0].kind == local::RefusedKind::limit);
}

TEST_CASE("a snapshot in place of the entries: what it says of each session is told") {
  OneHost desk;
  const SessionId rival = desk.rival_takes();
  desk.holds(1, 10s, "mine");
  desk.acquires(2);
  desk.order();
  // All of this happens in entries that this peer never sees: only the machine changes.
  service::StateMachine ahead = desk.machine;
  const SessionId mine = desk.session_of(1);
  ahead.apply(LogIndex{1000}, {.body = service::Expire{mine, 0}});
  ahead.apply(LogIndex{1001}, {.body = service::Expire{rival, 0}});
  const SessionActions actions = desk.desk->on(desk.now, Replaced{}, desk.client, ahead, {});
  bool lost = false, granted = false;
  for (const SessionAction& action : actions) {
    const auto* answer = std::get_if<ToTool>(&action);
    if (answer == nullptr) continue;
    lost = lost ||
           (answer->connection == ConnectionId{1} && std::holds_alternative<local::Lost>(answer->answer));
    granted = granted || (answer->connection == ConnectionId{2} &&
                          std::holds_alternative<local::Granted>(answer->answer));
  }
  CHECK(lost);
  CHECK(granted);
}
