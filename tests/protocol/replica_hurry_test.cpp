// SPDX-License-Identifier: MIT
// What is not to wait (-n, the end of -w, orders) waits for a leader and for its place in the log, and no
// longer than that.
#include <catch2/catch.hpp>

#include "replica/desk.hpp"
#include "replica_desk.hpp"

using namespace coord;
using namespace coord::replica;

namespace {

constexpr bool no_wait = false;

std::optional<local::RefusedKind> refusal(const OneHost& desk, std::uint64_t connection) {
  const auto told = desk.told<local::Refused>(connection);
  if (told.empty()) return std::nullopt;
  REQUIRE(told.size() == 1);
  return told.front().kind;
}

local::Acquire for_slot() {
  local::Acquire request;
  request.request = 1;
  request.names = {"lock"};
  request.ttl = 10s;
  request.wait = no_wait;
  request.candidacy.emplace();
  request.candidacy->slot = service::SlotWish{"monday", {}, 3};
  return request;
}

}  // namespace

TEST_CASE("a tool with -n that comes before there is a leader is granted as soon as there is one") {
  OneHost desk;
  desk.quorum(false);
  desk.acquires(1, 10s, no_wait);
  desk.pass(900ms);
  CHECK_FALSE(refusal(desk, 1));
  CHECK(desk.told<local::Waiting>(1).empty());
  desk.quorum(true);
  desk.order();
  CHECK(desk.told<local::Granted>(1).size() == 1);
  desk.says(1, local::Started{1, 101, 2s});
  desk.pass(2s);  // nothing of its hurry is left
  CHECK_FALSE(refusal(desk, 1));
}

TEST_CASE(
    "a tool with -n without a leader is refused when its time for one is over, and leaves nothing behind") {
  OneHost desk;
  desk.quorum(false);
  desk.acquires(1, 10s, no_wait);
  desk.pass(999ms);
  CHECK_FALSE(refusal(desk, 1));
  desk.pass(1ms);
  CHECK(refusal(desk, 1) == local::RefusedKind::no_quorum);
  CHECK(desk.retracted == std::vector<std::uint64_t>{desk.log.front().ticket});
  desk.reject("nobody waits for it any more");
  desk.tool_gone(1);
  CHECK(desk.desk->size() == 0);
  CHECK_FALSE(desk.desk->deadline());
}

TEST_CASE("a leader is lost and another one found while -n asks: it is not refused for that") {
  OneHost desk;
  desk.acquires(1, 10s, no_wait);
  desk.quorum(false);
  desk.pass(500ms);
  desk.quorum(true);
  desk.order();
  CHECK(desk.told<local::Granted>(1).size() == 1);
}

TEST_CASE("under a leader -n waits as long as anything is committed, but not for ever") {
  OneHost desk;
  desk.acquires(1, 10s, no_wait);
  SECTION("nothing is") {
    desk.pass(1999ms);
    CHECK_FALSE(refusal(desk, 1));
    desk.pass(1ms);
  }
  SECTION("something else is, all the time") {
    for (int i = 0; i < 34; ++i) {
      desk.pass(100ms);
      desk.rival_gives_back({});
    }
    CHECK_FALSE(refusal(desk, 1));
    desk.pass(100ms);
  }
  CHECK(refusal(desk, 1) == local::RefusedKind::no_quorum);
  CHECK(desk.retracted.size() == 1);
}

TEST_CASE("what commits after its 69 is granted to nobody, and the next -n gets in") {
  OneHost desk;
  desk.acquires(1, 10s, no_wait);
  desk.quorum(false);
  desk.pass(1s);
  REQUIRE(refusal(desk, 1) == local::RefusedKind::no_quorum);
  SECTION("that is asked for before it commits") {
    desk.acquires(2, 10s, no_wait);
    desk.quorum(true);
    desk.order();
  }
  SECTION("that is asked for afterwards") {
    desk.quorum(true);
    desk.order(1);
    desk.acquires(2, 10s, no_wait);
    desk.order();
  }
  CHECK(desk.told<local::Granted>(1).empty());
  CHECK(desk.told<local::Granted>(2).size() == 1);
  CHECK(desk.machine.state().sessions.size() == 1);
  CHECK_FALSE(refusal(desk, 2));
}

TEST_CASE("a tool with -n that somebody holds is refused as held, also beside what was given up") {
  OneHost desk;
  desk.rival_takes();
  desk.acquires(1, 10s, true);
  desk.quorum(false);
  desk.says(1, local::Cancel{1});
  desk.pass(1s);
  desk.acquires(2, 10s, no_wait);
  desk.quorum(true);
  desk.order();
  CHECK(desk.told<local::Granted>(1).empty());
  CHECK(refusal(desk, 2) == local::RefusedKind::held);
}

TEST_CASE("a tool with -w of a moment waits for a leader as -n does") {
  OneHost desk;
  desk.quorum(false);
  const auto wait_is_over = [&] {
    desk.acquires(1);
    desk.pass(10ms);
    desk.says(1, local::Cancel{1});
  };
  SECTION("there is one, and the lock is free") {
    wait_is_over();
    desk.pass(500ms);
    desk.quorum(true);
    desk.order();
    CHECK(desk.told<local::Granted>(1).size() == 1);
    CHECK(desk.told<local::Cancelled>(1).empty());
  }
  SECTION("there is one, and the lock is held") {
    desk.rival_takes();
    wait_is_over();
    desk.quorum(true);
    desk.order();
    REQUIRE(desk.told<local::Cancelled>(1).size() == 1);
    CHECK(desk.told<local::Cancelled>(1)[0].quorum);
  }
  SECTION("there is none") {
    wait_is_over();
    desk.pass(989ms);
    CHECK(desk.told<local::Cancelled>(1).empty());
    desk.pass(1ms);
    REQUIRE(desk.told<local::Cancelled>(1).size() == 1);
    CHECK_FALSE(desk.told<local::Cancelled>(1)[0].quorum);
  }
}

TEST_CASE("who has waited longer than -n would is answered at once when there is no leader") {
  OneHost desk;
  desk.rival_takes();
  desk.acquires(1);
  desk.order();
  desk.pass(5s);
  SECTION("in line") {}
  SECTION("before it was") {
    desk.acquires(2);
  }
  const std::uint64_t asks = desk.told<local::Waiting>(2).empty() ? 1 : 2;
  desk.quorum(false);
  desk.pass(5s);
  desk.says(asks, local::Cancel{1});
  REQUIRE(desk.told<local::Cancelled>(asks).size() == 1);
  CHECK_FALSE(desk.told<local::Cancelled>(asks)[0].quorum);
}

TEST_CASE("an end of -w that is not ordered is answered in the end") {
  OneHost desk;
  desk.rival_takes();
  desk.acquires(1);
  desk.order();
  desk.pass(2s);
  desk.order();
  desk.says(1, local::Cancel{1});
  desk.pass(2s);
  REQUIRE(desk.told<local::Cancelled>(1).size() == 1);
  CHECK_FALSE(desk.told<local::Cancelled>(1)[0].quorum);
  desk.order();
  CHECK(desk.machine.state().requests.size() == 1);  // the rival's
}

TEST_CASE("where more than a hold may have come of it, it is not said that nothing has") {
  OneHost desk;
  desk.says(1, local::Hello{});
  SECTION("a slot, without a leader since it was asked for") {
    desk.quorum(false);
    desk.says(1, for_slot());
    desk.pass(1s);
    CHECK(refusal(desk, 1) == local::RefusedKind::no_quorum);
  }
  SECTION("a slot that may be in a log") {
    desk.says(1, for_slot());
    desk.pass(2s);
    CHECK(refusal(desk, 1) == local::RefusedKind::unknown);
  }
  SECTION("a permit that may be") {
    local::Acquire request = for_slot();
    request.candidacy.reset();
    request.period = request.min_hold = 60s;
    desk.says(1, request);
    desk.quorum(false);
    desk.pass(1s);
    CHECK(refusal(desk, 1) == local::RefusedKind::unknown);
  }
}

TEST_CASE("a slot that nobody works at any more does not end the next -n") {
  OneHost desk;
  desk.says(1, local::Hello{});
  desk.says(1, for_slot());
  desk.pass(2s);
  desk.says(2, local::Hello{});
  desk.says(2, for_slot());
  desk.order();
  CHECK(desk.told<local::Granted>(2).size() == 1);
}

TEST_CASE("an order to break waits for a leader, and one that may be in a log is said to be") {
  OneHost desk;
  desk.holds(1);
  const SessionId held = desk.session_of(1);
  desk.says(2, local::Hello{});
  SECTION("no leader") {
    desk.quorum(false);
    desk.says(2, local::Break{2, held});
    desk.pass(1s);
    CHECK(refusal(desk, 2) == local::RefusedKind::no_quorum);
  }
  SECTION("a leader comes") {
    desk.quorum(false);
    desk.says(2, local::Break{2, held});
    desk.pass(900ms);
    desk.quorum(true);
    desk.order();
    CHECK(desk.told<local::Lost>(1).size() == 1);
    desk.says(1, local::Release{1});
    desk.order();
    desk.pass(5s);
    CHECK_FALSE(refusal(desk, 2));
    CHECK(desk.told<local::Released>(2).size() == 1);
  }
  SECTION("one under which nothing commits") {
    desk.says(2, local::Break{2, held});
    desk.pass(2s);
    CHECK(refusal(desk, 2) == local::RefusedKind::unknown);
  }
}

TEST_CASE("an order of an election ends when nothing commits, and goes on over a change of leaders") {
  OneHost desk;
  desk.says(1, local::Hello{});
  local::Stand enrolls;
  enrolls.request = 1;
  enrolls.name = "post";
  enrolls.enroll = true;
  desk.says(1, enrolls);
  desk.questions_are_answered();
  REQUIRE(desk.next<service::Enroll>() != nullptr);
  desk.quorum(false);
  CHECK_FALSE(refusal(desk, 1));
  SECTION("another leader") {
    desk.pass(500ms);
    desk.quorum(true);
    desk.order();
    CHECK(desk.told<local::Done>(1).size() == 1);
    CHECK_FALSE(refusal(desk, 1));
  }
  SECTION("none") {
    desk.pass(1s);
    CHECK(refusal(desk, 1) == local::RefusedKind::unknown);
    CHECK(desk.retracted.size() == 1);
    desk.quorum(true);
    desk.order();
    CHECK(desk.told<local::Done>(1).empty());
  }
}

TEST_CASE("a group that has not begun says so, and what for it waits") {
  OneHost desk;
  desk.quorum(false);
  desk.desk->begins_when("not begun: gamma has not been seen");
  desk.acquires(1, 10s, no_wait);
  desk.acquires(2);
  CHECK(desk.told<local::Waiting>(2).at(0).not_begun == "not begun: gamma has not been seen");
  desk.pass(1s);
  CHECK(desk.told<local::Refused>(1).at(0).why == "not begun: gamma has not been seen");
  desk.says(2, local::Cancel{1});
  CHECK(desk.told<local::Cancelled>(2).at(0).not_begun == "not begun: gamma has not been seen");
}

// ---- barriers

namespace {

struct Reset {
  static constexpr ConnectionId tool{7};
  service::StateMachine machine;
  Desk desk{SessionsConfig{}};
  Instant now{1h};
  std::vector<std::uint64_t> submitted, retracted;
  std::vector<local::RefusedKind> refused;
  std::size_t departed = 0;

  void take(const SessionActions& actions) {
    for (const SessionAction& action : actions) {
      if (const auto* submit = std::get_if<Submit>(&action)) submitted.push_back(submit->ticket);
      if (const auto* retract = std::get_if<Retract>(&action)) retracted.push_back(retract->ticket);
      const auto* told = std::get_if<ToTool>(&action);
      if (told == nullptr) continue;
      if (const auto* why = std::get_if<local::Refused>(&told->answer)) refused.push_back(why->kind);
      departed += std::holds_alternative<local::Departed>(told->answer) ? 1 : 0;
    }
  }
  Reset() { says(local::Hello{}); }
  void says(local::Request request) {
    take(desk.on(now, FromTool{tool, {1000, "user", {7, 1}}, std::move(request)}, machine, {}));
  }
  void quorum(bool there) { take(desk.quorum_is(now, there)); }
  void pass(Duration time) {
    const Instant end = now + time;
    while (desk.deadline() && *desk.deadline() <= end) {
      now = std::max(now, *desk.deadline());
      take(desk.tick(now, machine));
    }
    now = end;
  }
};

}  // namespace

TEST_CASE("dbarrier --reset waits for a leader, and one that may be in a log is said to be") {
  Reset reset;
  SECTION("none comes") {
    reset.says(local::ResetBarrier{1, "gate"});
    reset.pass(999ms);
    CHECK(reset.refused.empty());
    reset.pass(1ms);
    CHECK(reset.refused == std::vector{local::RefusedKind::no_quorum});
  }
  SECTION("it was lost, and none comes") {
    reset.quorum(true);
    reset.says(local::ResetBarrier{1, "gate"});
    reset.quorum(false);
    CHECK(reset.refused.empty());
    reset.pass(1s);
    CHECK(reset.refused == std::vector{local::RefusedKind::unknown});
  }
  SECTION("nothing commits under one") {
    reset.quorum(true);
    reset.says(local::ResetBarrier{1, "gate"});
    reset.pass(2s);
    CHECK(reset.refused == std::vector{local::RefusedKind::unknown});
  }
  CHECK(reset.retracted == reset.submitted);
  reset.pass(10s);
  CHECK(reset.refused.size() == 1);
}

TEST_CASE("a barrier's -w of a moment waits for a leader, and then says that there is none") {
  Reset arrival;
  local::Arrive arrive;
  arrive.request = 1;
  arrive.name = "gate";
  arrive.id = "p1";
  arrive.count = 2;
  arrive.key = 42;
  arrive.ttl = 10s;
  arrival.says(arrive);
  arrival.pass(10ms);
  arrival.says(local::Cancel{1});
  arrival.pass(989ms);
  CHECK(arrival.departed == 0);
  arrival.pass(1ms);
  CHECK(arrival.departed == 1);
  CHECK(arrival.retracted == arrival.submitted);
}
