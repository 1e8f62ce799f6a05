// SPDX-License-Identifier: MIT
// Grants that a stopped tool does not take up (wire/local_taking.hpp): they are not renewed, and passed on.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "replica/desk.hpp"
#include "replica_desk.hpp"

using namespace coord;
using namespace coord::replica;

namespace {

struct NewDesk : OneHost {
  NewDesk() { speaks = 2; }
};

constexpr std::uint32_t child = 4711;

// What `look` sees with the rule, and without it.
template <class Look>
auto with_and_without(const char* rule, const Look& look) {
  const auto with = look();
  mutants::removed = rule;
  const auto without = look();
  mutants::removed.clear();
  return std::pair(with, without);
}

}  // namespace

TEST_CASE("a grant is renewed once its tool has taken it up, and not before") {
  NewDesk desk;
  desk.acquires(1);
  desk.order();
  REQUIRE(desk.told<local::Granted>(1).size() == 1);
  desk.pass(3s);  // more than the quarter of the TTL after which it would be renewed
  CHECK(desk.log.empty());
  desk.says(1, local::Started{1, child, 2s});
  REQUIRE(desk.told<local::TakenUp>(1).size() == 1);
  desk.pass(1ms);
  CHECK(desk.next<service::Renew>() != nullptr);
  desk.order();
  CHECK(desk.told<local::Renewed>(1).size() == 1);
  desk.pass(9s);
  CHECK(desk.told<local::TakenBack>(1).empty());
}

TEST_CASE("what is not taken up within 0.4 of the TTL is the next one's, and its tool has come too late") {
  NewDesk desk;
  desk.acquires(1);
  desk.acquires(2);
  desk.order();
  desk.pass(3999ms);
  CHECK(desk.told<local::TakenBack>(1).empty());
  desk.pass(1ms);
  CHECK(desk.told<local::TakenBack>(1).size() == 1);
  desk.order();
  REQUIRE(desk.told<local::Granted>(2).size() == 1);
  desk.says(2, local::Started{1, child + 1, 2s});
  CHECK(desk.told<local::TakenUp>(2).size() == 1);
  desk.says(1, local::Started{1, child, 2s});
  CHECK(desk.told<local::TakenUp>(1).empty());
  CHECK(desk.stops.empty());  // nothing has run that would have to be stopped
}

TEST_CASE("a tool that was passed over may ask anew, on the same connection too") {
  NewDesk desk;
  desk.acquires(1);
  desk.order();
  desk.pass(4s);
  desk.order();
  desk.acquires(1);
  desk.order();
  REQUIRE(desk.told<local::Granted>(1).size() == 2);
  desk.says(1, local::Started{1, child, 2s});
  CHECK(desk.told<local::TakenUp>(1).size() == 1);
}

TEST_CASE("a grant that came late is passed on before its lease could end") {
  NewDesk desk;
  desk.acquires(1);
  desk.now += 5s;  // the answer was on its way for so long
  desk.order();
  REQUIRE(desk.told<local::Granted>(1).size() == 1);
  desk.pass(2999ms);
  CHECK(desk.told<local::TakenBack>(1).empty());
  desk.pass(1ms);
  CHECK(desk.told<local::TakenBack>(1).size() == 1);  // at 0.8 of the TTL since it was asked for
}

TEST_CASE("nothing waits for a majority to be told that it was taken back") {
  NewDesk desk;
  desk.acquires(1);
  desk.order();
  desk.quorum(false);
  desk.pass(4s);
  CHECK(desk.told<local::TakenBack>(1).size() == 1);
}

TEST_CASE("a tool of an older release has taken up what it is granted, and is told nothing new") {
  OneHost desk;
  desk.acquires(1);
  desk.order();
  desk.pass(3s);
  CHECK(desk.next<service::Renew>() != nullptr);
  desk.order();
  desk.pass(7s);
  desk.says(1, local::Started{1, child, 2s});
  CHECK(desk.told<local::TakenUp>(1).empty());
  CHECK(desk.told<local::TakenBack>(1).empty());
}

TEST_CASE("a process that holds is not named again when its tool takes up the hold") {
  NewDesk desk;
  desk.holds_so(1, [](local::Acquire& request) { request.holder = 99; });
  desk.pass(3s);
  CHECK(desk.log.empty());
  desk.says(1, local::Started{1, 0, {}});
  CHECK(desk.told<local::TakenUp>(1).size() == 1);
  CHECK(desk.kept.begin()->second.pid == 99);
}

TEST_CASE("a process that cannot be guarded is refused, with the reason") {
  NewDesk desk;
  desk.acquires(1);
  desk.order();
  FromTool started{ConnectionId{1}, {1000, "user", {1, 42}, 2}, local::Started{1, 0, 2s}};
  started.unguardable = local::Refused{0, local::RefusedKind::protocol, "process 7 cannot be guarded"};
  SessionActions actions = desk.desk->on(desk.now, started, desk.machine, {});
  REQUIRE(actions.size() == 1);
  const auto refusal = std::get<local::Refused>(std::get<ToTool>(actions.front()).answer);
  CHECK(refusal == local::Refused{1, local::RefusedKind::protocol, "process 7 cannot be guarded"});
  desk.pass(4s);  // nothing was taken up
  CHECK(desk.told<local::TakenBack>(1).size() == 1);
}

TEST_CASE("a peer that is started again knows what nobody has taken up") {
  NewDesk desk;
  desk.acquires(1);
  desk.order();
  REQUIRE(desk.kept.size() == 1);
  HoldRecord& record = desk.kept.begin()->second;
  CHECK_FALSE(record.taken_up);
  record.pid = 101;  // by which the desk knows whose it is
  const HoldRecord known = record;

  SECTION("and passes it on") {
    desk.restarts({1});
    desk.registers_again(11);
    desk.order();
    desk.pass(3999ms);
    CHECK(desk.machine.session(known.session) != nullptr);
    CHECK(desk.log.empty());
    desk.pass(1ms);
    desk.order();
    CHECK(desk.machine.session(known.session) == nullptr);
    desk.resumes(2, known);
    CHECK(desk.told<local::Lost>(2).size() == 1);
    CHECK(desk.told<local::Renewed>(2).empty());
  }
  SECTION("or hears that it is taken up now") {
    desk.restarts({1});
    desk.registers_again(11);
    desk.order();
    desk.resumes(2, known);
    CHECK(desk.told<local::Renewed>(2).size() == 1);
    CHECK(desk.kept.at(known.session).taken_up);
    desk.pass(1s);
    desk.order();
    desk.pass(8s);
    CHECK(desk.machine.session(known.session) != nullptr);
  }
}

TEST_CASE("renew_only_what_was_taken_up: a peer that renews for a stopped tool is noticed") {
  const auto renewals = [] {
    NewDesk desk;
    desk.acquires(1);
    desk.order();
    desk.pass(3s);
    return desk.next<service::Renew>() != nullptr;
  };
  CHECK(with_and_without("renew_only_what_was_taken_up", renewals) == std::pair(false, true));
}

TEST_CASE("taken_up_only_while_held: a word that comes after the next one's grant is noticed") {
  const auto words = [] {
    NewDesk desk;
    desk.acquires(1);
    desk.acquires(2);
    desk.order();
    desk.pass(4s);
    desk.order();
    REQUIRE(desk.told<local::Granted>(2).size() == 1);
    desk.says(1, local::Started{1, child, 2s});
    return desk.told<local::TakenUp>(1).size();
  };
  CHECK(with_and_without("taken_up_only_while_held", words) == std::pair<std::size_t, std::size_t>(0, 1));
}

TEST_CASE("untaken_stays_untaken: a restart that takes up what nobody has is noticed") {
  const auto is_kept = [] {
    NewDesk desk;
    desk.acquires(1);
    desk.order();
    desk.kept.begin()->second.pid = 101;
    desk.restarts({1});
    desk.registers_again(11);
    desk.order();
    for (int i = 0; i < 20; ++i) {
      desk.pass(1s);
      desk.order();
    }
    return !desk.machine.state().sessions.empty();
  };
  CHECK(with_and_without("untaken_stays_untaken", is_kept) == std::pair(false, true));
}

// ---- barriers

namespace {

// A barrier of one with a command, released.
struct Released {
  static constexpr ConnectionId tool{7};
  Desk desk;
  service::StateMachine machine{};
  Instant now{1h};
  std::vector<local::Answer> told;
  std::vector<Submit> submitted;
  service::ClientId client;
  std::uint64_t sequence = 0;
  LogIndex index;

  explicit Released(std::uint32_t speaks) : desk(config()), speaks_(speaks) {
    apply({.node = NodeId{1}, .body = service::Register{NodeId{1}, 1, {}}});
    client = machine.registration(NodeId{1});
    take(desk.quorum_is(now, true));
    says(local::Hello{});
    local::Arrive arrival;
    arrival.request = 1;
    arrival.name = "gate";
    arrival.id = "p1";
    arrival.count = 1;
    arrival.key = 42;
    arrival.ttl = 10s;
    arrival.command = true;
    says(arrival);
    order();
  }
  static SessionsConfig config() {
    SessionsConfig config;
    config.self = NodeId{1};
    config.peer = config.host = "a";
    return config;
  }
  void says(local::Request request) {
    take(desk.on(now, FromTool{tool, {1000, "user", {7, 1}, speaks_}, std::move(request)}, machine, {}));
  }
  void pass(Duration time) {
    const Instant end = now + time;
    while (desk.deadline() && *desk.deadline() <= end) {
      now = std::max(now, *desk.deadline());
      take(desk.tick(now, machine));
    }
    now = end;
  }
  void order() {
    while (!submitted.empty()) {
      const Submit next = std::move(submitted.front());
      submitted.erase(submitted.begin());
      const service::Effects effects =
          apply({.node = NodeId{1}, .client = client, .sequence = ++sequence, .body = next.body});
      take(desk.on(now, Outcome{next.ticket, machine.outcome(NodeId{1}, client, sequence), {}}, machine));
      take(desk.on(now, Applied{index, effects}, client, machine, {}));
    }
  }
  template <class T>
  std::size_t count() const {
    return static_cast<std::size_t>(std::count_if(
        told.begin(), told.end(), [](const auto& answer) { return std::holds_alternative<T>(answer); }));
  }

 private:
  service::Effects apply(const service::Command& command) {
    ++index.value;
    return machine.apply(index, command);
  }
  void take(SessionActions actions) {
    for (SessionAction& action : actions) {
      if (auto* submit = std::get_if<Submit>(&action)) submitted.push_back(std::move(*submit));
      if (auto* answer = std::get_if<ToTool>(&action)) told.push_back(std::move(answer->answer));
    }
  }
  std::uint32_t speaks_;
};

}  // namespace

TEST_CASE("a barrier's command that is not begun in time is lost, and its tool has come too late") {
  Released one(2);
  REQUIRE(one.count<local::Passed>() == 1);
  one.pass(3s);
  CHECK(one.submitted.empty());
  one.pass(1s);
  CHECK(one.count<local::Lost>() == 1);
  one.order();
  one.says(local::Started{1, child, 2s});
  CHECK(one.count<local::TakenUp>() == 0);
  CHECK(one.machine.state().sessions.empty());
}

TEST_CASE("a barrier's command that is taken up is renewed") {
  Released one(2);
  one.says(local::Started{1, child, 2s});
  CHECK(one.count<local::TakenUp>() == 1);
  one.pass(3s);
  REQUIRE(one.submitted.size() == 1);
  CHECK(std::holds_alternative<service::Renew>(one.submitted.front().body));
}

TEST_CASE("a barrier's command of an older release is renewed without a word") {
  Released one(1);
  one.pass(3s);
  REQUIRE(one.submitted.size() == 1);
  CHECK(std::holds_alternative<service::Renew>(one.submitted.front().body));
  one.says(local::Started{1, child, 2s});
  CHECK(one.count<local::TakenUp>() == 0);
}

TEST_CASE("command_taken_up_only_while_counted: a command that begins after it was given up is noticed") {
  const auto words = [] {
    Released one(2);
    one.pass(4s);
    REQUIRE(one.count<local::Lost>() == 1);
    one.says(local::Started{1, child, 2s});
    return one.count<local::TakenUp>();
  };
  CHECK(with_and_without("command_taken_up_only_while_counted", words) ==
        std::pair<std::size_t, std::size_t>(0, 1));
}
