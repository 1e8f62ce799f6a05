// SPDX-License-Identifier: MIT
// Waiting for another's run instead of running again; permits of a rate; what is remembered of holds.
#include "service/timers.hpp"
#include "service_scenario.hpp"

namespace coord::service {

namespace {

Acquire backup(bool join = true) {
  return Acquire{.session = {}, .names = {"backup"}, .key = {1, 2}, .join = join};
}
std::string closed(Peer& peer, std::uint64_t session, std::optional<std::uint8_t> status,
                   CloseReason why = CloseReason::finished) {
  return peer.propose(Close{SessionId{session}, why, status});
}

}  // namespace

TEST_CASE("who joins gets the status of the command that holds, and never the lock") {
  Log log;
  Peer a{log, 1}, b{log, 2};
  CHECK(a.lock(backup(false)) == "opened s3; granted s3#1 token 3 backup");
  CHECK(b.lock(backup()) == "opened s4; queued s4#1");
  CHECK(b.lock(backup()) == "opened s5; queued s5#1");
  CHECK(log.machine.of<Locks>().table().find("backup")->waiting.empty());
  const auto restored = StateMachine::restore(log.machine.state());
  REQUIRE(restored.ok());
  log.machine = *restored;
  CHECK(closed(a, 3, 7) == "joined s4#1 status 7; joined s5#1 status 7; released s3#1; closed s3");
  CHECK(log.machine.standing(SessionId{4}, 1) == Standing{Standing::Kind::joined, {}, 7});
  CHECK(b.cancel(4) == "already granted s4#1");
  REQUIRE(StateMachine::restore(log.machine.state()).ok());
  CHECK(b.close(4) == "cancelled s4#1; closed s4");
  CHECK(log.machine.of<Locks>().table().all().empty());
}

TEST_CASE("another command, another user or another mode is not joined") {
  Log log;
  Peer a{log, 1}, b{log, 2};
  a.lock(backup());
  Acquire other = backup();
  SECTION("another command") {
    other.key = {1, 3};
    b.lock(other);
  }
  SECTION("no command") {
    other.key = {};
    b.lock(other);
  }
  SECTION("another mode") {
    other.terms.mode = Mode::shared;
    b.lock(other);
  }
  SECTION("more names") {
    other.names = {"backup", "more"};
    b.lock(other);
  }
  SECTION("another user") {
    other.open = Peer::open();
    other.open->owner.user = "another";
    other.request = 1;
    b.propose(other);
  }
  CHECK(log.machine.standing(SessionId{4}, 1).kind == Standing::Kind::waiting);
  CHECK(log.machine.of<Locks>().table().find("backup")->waiting.size() == 1);
  CHECK(closed(a, 3, 0).starts_with("released s3#1; closed s3; granted s4#1"));
}

TEST_CASE("if the holder is lost, the first of those who had joined runs, and the others join that one") {
  Log log;
  Peer a{log, 1}, b{log, 2};
  a.lock(backup());
  b.lock(backup());
  b.lock(backup());
  CHECK(closed(a, 3, {}, CloseReason::holder_gone) ==
        "released s3#1; closed s3; granted s4#1 token 6 backup");
  CHECK(log.machine.of<Locks>().table().find("backup")->waiting.empty());
  CHECK(closed(b, 4, 0) == "joined s5#1 status 0; released s4#1; closed s4");
}

TEST_CASE("those who wait behind another command join the first of them that is granted") {
  Log log;
  Peer a{log, 1}, b{log, 2};
  a.lock({"backup"});
  b.lock(backup());
  b.lock({"backup"});
  b.lock(backup());
  CHECK(a.close(3) == "released s3#1; closed s3; granted s4#1 token 7 backup");
  CHECK(closed(b, 4, 1) == "joined s6#1 status 1; released s4#1; closed s4; granted s5#1 token 8 backup");
}

TEST_CASE("who joins and will not wait is refused, who gives up waits no more") {
  Log log;
  Peer a{log, 1}, b{log, 2};
  a.lock(backup());
  Acquire hasty = backup();
  hasty.wait = false;
  CHECK(b.lock(hasty) == "refused: " + describe(Refusal::held));
  b.lock(backup());
  CHECK(b.cancel(5) == "cancelled s5#1");
  CHECK(closed(a, 3, 0) == "released s3#1; closed s3");
}

TEST_CASE("joining what waits for oneself is a deadlock") {
  Log log;
  Peer a{log, 1}, b{log, 2};
  a.lock({"x"});
  b.lock(backup());
  Acquire inner{.session = {}, .names = {"x"}};
  inner.inside = {SessionId{4}};
  CHECK(b.lock(inner) == "opened s5; queued s5#1");
  Acquire joiner = backup();
  joiner.inside = {SessionId{3}};
  CHECK(a.lock(joiner).starts_with("refused: " + describe(Refusal::deadlock)));
}

TEST_CASE("a rate grants so many a period, in order, and the next when one has passed") {
  Log log;
  Peer a{log, 1};
  LeaderTimers timers;
  Instant now{1h};
  timers.became_leader(now, log.machine);
  const auto permit = [&] {
    const std::string answer = a.lock(
        Acquire{.session = {}, .names = {"api"}, .terms = {.permits = 2, .min_hold = 60s, .period = 60s}});
    timers.applied(now, log.effects, log.machine);
    return answer;
  };
  const auto let_go = [&](std::uint64_t session) {
    a.close(session);
    timers.applied(now, log.effects, log.machine);
  };
  CHECK(permit() == "opened s2; granted s2#1 token 2 api; minimum hold of 2 starts");
  let_go(2);
  now += 20s;
  CHECK(permit() == "opened s4; granted s4#1 token 4 api; minimum hold of 4 starts");
  let_go(4);
  CHECK(permit() == "opened s6; queued s6#1");
  CHECK(permit() == "opened s7; queued s7#1");
  a.propose(Renew{{SessionId{6}, SessionId{7}}});
  // Only what is not a lease: those are renewed.
  const auto over = [&] {
    std::string text;
    for (const Command& command : timers.due(now, {}, log.machine)) {
      if (!std::holds_alternative<TimerOver>(command.body)) continue;
      text += log.apply(command) + "\n";
      timers.applied(now, log.effects, log.machine);
    }
    return text;
  };
  now = Instant{1h} + 59s;
  CHECK(over().empty());
  now = Instant{1h} + 60s;
  CHECK(over() == "minimum hold of 2 ends; granted s6#1 token 9 api; minimum hold of 9 starts\n");
  now = Instant{1h} + 80s;
  CHECK(over() == "minimum hold of 4 ends; granted s7#1 token 10 api; minimum hold of 10 starts\n");
}

TEST_CASE("a rate in use is not used otherwise") {
  Log log;
  Peer a{log, 1};
  a.lock(Acquire{.session = {}, .names = {"api"}, .terms = {.permits = 2, .min_hold = 60s, .period = 60s}});
  const std::string differs = "refused: " + describe(Refusal::rate_differs);
  CHECK(a.lock(Acquire{
            .session = {}, .names = {"api"}, .terms = {.permits = 2, .min_hold = 30s, .period = 30s}}) ==
        differs);
  CHECK(a.lock(Acquire{.session = {}, .names = {"api"}, .terms = {.permits = 2}}) == differs);
  CHECK(a.lock(Acquire{
            .session = {}, .names = {"api"}, .terms = {.permits = 3, .min_hold = 60s, .period = 60s}}) ==
        "refused: " + describe(Refusal::permits_differ));
  CHECK(a.lock(Acquire{
            .session = {}, .names = {"other"}, .terms = {.permits = 2, .min_hold = 6s, .period = 60s}}) ==
        "refused: " + describe(Refusal::invalid));
  a.close(2);
  CHECK(a.lock(Acquire{.session = {}, .names = {"api"}, .terms = {.permits = 2}}) ==
        differs);  // until the period is over
  REQUIRE(StateMachine::restore(log.machine.state()).ok());
}

TEST_CASE("of each name the last 32 holds are remembered, with how they ended") {
  Log log;
  Peer a{log, 1};
  a.lock({"x", "y"});
  closed(a, 2, 3);
  a.lock({"x"});
  const SessionId lost{log.last};
  log.leader(Expire{lost, 0});
  const auto& history = log.machine.state().history;
  REQUIRE(history.at("x").holds.size() == 2);
  CHECK(history.at("y").holds.size() == 1);
  CHECK(history.at("x").holds.front().status == 3);
  CHECK(history.at("x").holds.front().why == CloseReason::finished);
  CHECK(history.at("x").holds.front().owner.command == "command");
  CHECK(history.at("x").holds.back().why == CloseReason::expired);
  CHECK_FALSE(history.at("x").holds.back().status);
  for (int i = 0; i < 40; ++i) {
    a.lock({"x"});
    a.close(log.last);
  }
  CHECK(history.at("x").holds.size() == 32);
  CHECK(history.at("x").last == LogIndex{log.last});
  CHECK(StateMachine::restore(log.machine.state())->state() == log.machine.state());
}

TEST_CASE(
    "names that are not used any more are forgotten, the longest unused first, re-entries are no holds") {
  Limits limits;
  limits.history_names = 3;
  Log log{.machine = StateMachine(limits)};
  Peer a{log, 1};
  for (const char* name : {"a", "b", "c", "a", "d"}) {
    a.lock({name});
    a.close(log.last);
  }
  const auto& history = log.machine.state().history;
  CHECK(history.size() == 3);
  CHECK_FALSE(history.contains("b"));
  CHECK(history.at("a").holds.size() == 2);
  a.lock({"d"});
  Acquire inner{.session = {}, .names = {"d"}};
  inner.inside = {SessionId{log.last}};
  a.lock(inner);
  a.close(log.last);
  CHECK(history.at("d").holds.size() == 1);
}

TEST_CASE("the history of all names together is bounded in bytes, restored or not") {
  Limits limits;
  limits.history_bytes = 2000;
  Log log{.machine = StateMachine(limits)};
  Peer a{log, 1};
  std::size_t most = 0;
  for (int i = 0; i < 200; ++i) {
    a.lock({"name " + std::to_string(i % 50)});
    a.close(log.last);
    std::size_t bytes = 0;
    for (const auto& [name, history] : log.machine.state().history) {
      bytes += name.size();
      for (const PastHold& hold : history.holds) bytes += bytes_of_hold(hold);
    }
    most = std::max(most, bytes);
    if (i == 100) log.machine = *StateMachine::restore(log.machine.state(), limits);
  }
  CHECK(most <= 2000);
  CHECK(most > 1500);
}

}  // namespace coord::service
