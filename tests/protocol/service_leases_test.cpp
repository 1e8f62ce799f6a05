// SPDX-License-Identifier: MIT
// Leases, lock delays, minimum holds and tokens: what happens when holders and leaders are lost.
#include "service/timers.hpp"
#include "service_scenario.hpp"

namespace coord::service {

namespace {

// A leader's clock and LeaderTimers beside the log; what the LeaderTimers makes is applied at once.
struct Led : Log {
  LeaderTimers timers{1s};
  Instant now{};

  std::string watched(std::string text) {
    timers.applied(now, effects, machine);
    return text;
  }
  // Lets time pass; the text of all that came of it.
  std::string wait(Duration length) {
    const Instant end = now + length;
    std::string text;
    while (timers.deadline() && *timers.deadline() <= end) {
      now = std::max(now, *timers.deadline());
      for (const Command& made : timers.due(now, {}, machine)) {
        const std::string line = watched(apply(made));
        if (!line.empty()) text += (text.empty() ? "" : " | ") + line;
      }
    }
    now = end;
    return text;
  }
};

}  // namespace

TEST_CASE("a lease that is not renewed ends, and the next in line is granted") {
  Led log;
  log.timers.became_leader(log.now, log.machine);
  Peer a(log, 1);
  log.watched(a.lock({"x"}));
  log.watched(a.lock({"x"}));
  CHECK(log.wait(9s).empty());
  CHECK(log.watched(a.propose(Renew{{SessionId{2}, SessionId{3}}})) == "renewed s2:1 s3:1");
  CHECK(log.wait(5s).empty());
  CHECK(log.watched(a.propose(Renew{{SessionId{3}}})) == "renewed s3:2");
  CHECK(log.wait(4999ms).empty());
  CHECK(log.wait(1ms) == "released s2#1; closed s2 expired; granted s3#1 token 6 x");
  CHECK(a.propose(Renew{{SessionId{2}}}) == "renewed gone s2");
}

TEST_CASE("a renewal ordered before the expiry makes it void") {
  Led log;
  log.timers.became_leader(log.now, log.machine);
  Peer a(log, 1);
  log.watched(a.lock({"x"}));
  const auto made = log.timers.due(Instant{} + 10s, {}, log.machine);
  REQUIRE(made.size() == 1);
  CHECK(a.propose(Renew{{SessionId{2}}}) == "renewed s2:1");
  CHECK(log.apply(made[0]).empty());
  CHECK(log.machine.standing({2}, 1).kind == Standing::Kind::held);
}

TEST_CASE("field fault 9: a new leader gives every lease a full term") {
  Led log;
  log.timers.became_leader(log.now, log.machine);
  Peer a(log, 1);
  log.watched(a.lock({"x"}));
  log.now += 9900ms;
  log.timers.lost_leadership();
  CHECK_FALSE(log.timers.deadline());
  CHECK(log.timers.due(log.now + 1h, {}, log.machine).empty());
  LeaderTimers other;
  other.applied(log.now, log.effects, log.machine);
  other.became_leader(log.now, log.machine);
  CHECK(other.lease_end({2}) == log.now + 10s);
  CHECK(other.due(log.now + 9999ms, {}, log.machine).empty());
  CHECK(other.due(log.now + 10s, {}, log.machine).size() == 1);
}

TEST_CASE("field fault 6: a lease that expires while its request is queued is never granted") {
  Led log;
  log.timers.became_leader(log.now, log.machine);
  Peer a(log, 1), b(log, 2);
  log.watched(a.lock({"x"}));  // s3
  log.watched(b.lock({"x"}));  // s4
  log.watched(a.lock({"x"}));  // s5
  log.wait(5s);
  log.watched(a.propose(Renew{{SessionId{3}, SessionId{5}}}));
  CHECK(log.wait(5s) == "cancelled s4#1; closed s4 expired");
  CHECK(a.release(3) == "released s3#1; granted s5#1 token 8 x");
}

TEST_CASE("an expiry that was lost on its way is made again, a dead host's sessions come in batches") {
  Led log;
  log.timers.became_leader(log.now, log.machine);
  Peer a(log, 1);
  for (int i = 0; i < 300; ++i) log.watched(a.lock({"x"}, Mode::shared));
  CHECK(log.timers.due(Instant{} + 10s, {}, log.machine).size() == LeaderTimers::batch);
  CHECK(log.timers.due(Instant{} + 10s, {}, log.machine).size() == 300 - LeaderTimers::batch);
  CHECK(log.timers.due(Instant{} + 10s, {}, log.machine).empty());
  log.now = Instant{} + 11s;
  log.wait(0s);
  CHECK(log.machine.state().sessions.empty());
  CHECK_FALSE(log.timers.deadline());
}

TEST_CASE("a lock delay shuts the name after a lost holder, not after a release") {
  Led log;
  log.timers.became_leader(log.now, log.machine);
  Peer a(log, 1);
  const Acquire delayed{.names = {"x"}, .terms = {.lock_delay = 15s}};
  log.watched(a.lock(delayed));  // s2
  CHECK(log.watched(a.close(2)) == "released s2#1; closed s2");
  log.watched(a.lock(delayed));  // s4
  log.watched(a.lock({"x"}));    // s5
  CHECK(log.watched(a.close(4, CloseReason::holder_gone)) ==
        "released s4#1; lock delay of 4 starts; closed s4");
  log.wait(9s);
  log.watched(a.propose(Renew{{SessionId{5}}}));
  CHECK(log.wait(6s) == "lock delay of 4 ends; granted s5#1 token 8 x");
}

TEST_CASE("a lost holder's slot or share is shut, the others stay open") {
  Led log;
  Peer a(log, 1);
  a.lock({.names = {"pool"}, .terms = {.permits = 2, .lock_delay = 15s}});  // s2
  a.lock({.names = {"pool"}, .terms = {.permits = 2}});                     // s3
  a.close(2, CloseReason::holder_gone);
  a.lock({.names = {"pool"}, .terms = {.permits = 2}});  // s5
  CHECK(a.release(3) == "released s3#1; granted s5#1 token 6 pool");
  a.lock({.names = {"doc"}, .terms = {.mode = Mode::shared, .lock_delay = 15s}});  // s7
  a.close(7, CloseReason::holder_gone);
  CHECK(a.lock({"doc"}, Mode::shared) == "opened s9; granted s9#1 token 9 doc");
  CHECK(a.lock({"doc"}) == "opened s10; queued s10#1");
  CHECK(a.release(9) == "released s9#1");
  CHECK(log.leader(TimerOver{TimerKind::lock_delay, Token{7}}) ==
        "lock delay of 7 ends; granted s10#1 token 12 doc");
}

TEST_CASE("a minimum hold outlives the session and is counted from the grant") {
  Led log;
  log.timers.became_leader(log.now, log.machine);
  Peer a(log, 1);
  CHECK(log.watched(a.lock({.names = {"cron"}, .terms = {.min_hold = 60s}})) ==
        "opened s2; granted s2#1 token 2 cron; minimum hold of 2 starts");
  log.wait(1s);
  CHECK(log.watched(a.close(2)) == "released s2#1; closed s2");
  CHECK(log.watched(a.lock({"cron"}, Mode::exclusive, false)) ==
        "refused: held by another: wait, or try again later");
  CHECK(log.wait(59s) == "minimum hold of 2 ends");
  CHECK(log.machine.of<Locks>().table().all().empty());
  CHECK(log.watched(a.lock({.names = {"cron"}, .terms = {.min_hold = 60s}})) ==
        "opened s6; granted s6#1 token 6 cron; minimum hold of 6 starts");
  for (int i = 0; i < 12; ++i) {
    log.wait(5s);
    log.watched(a.propose(Renew{{SessionId{6}}}));
  }
  CHECK_FALSE(log.machine.timer_runs(TimerKind::min_hold, Token{6}));
  CHECK(log.watched(a.release(6)) == "released s6#1");
  CHECK(log.machine.of<Locks>().table().all().empty());
}

TEST_CASE("minimum hold and lock delay of one lost holder: the later one opens the name") {
  Led log;
  Peer a(log, 1);
  a.lock({.names = {"x"}, .terms = {.lock_delay = 1s, .min_hold = 2s}});
  CHECK(a.close(2, CloseReason::holder_gone) == "released s2#1; lock delay of 2 starts; closed s2");
  CHECK(log.leader(TimerOver{TimerKind::lock_delay, Token{2}}) == "lock delay of 2 ends");
  CHECK(log.leader(TimerOver{TimerKind::lock_delay, Token{2}}).empty());
  CHECK(log.machine.of<Locks>().table().find("x") != nullptr);
  CHECK(log.leader(TimerOver{TimerKind::min_hold, Token{2}}) == "minimum hold of 2 ends");
  CHECK(log.machine.of<Locks>().table().find("x") == nullptr);
}

TEST_CASE("a new leader goes on with its own measure of a timer, or starts what came in a snapshot anew") {
  Led log;
  log.timers.became_leader(log.now, log.machine);
  LeaderTimers follower, installed;
  Peer a(log, 1);
  a.lock({.names = {"cron"}, .terms = {.min_hold = 60s}});
  follower.applied(log.now, log.effects, log.machine);
  log.now += 40s;
  follower.became_leader(log.now, log.machine);
  installed.became_leader(log.now, log.machine);
  CHECK(follower.due(log.now + 19s, {}, log.machine).size() == 1);  // the lease
  const auto made = follower.due(log.now + 20s, {}, log.machine);
  REQUIRE(made.size() == 2);
  CHECK(std::get<TimerOver>(made[1].body) == TimerOver{TimerKind::min_hold, Token{2}});
  CHECK(installed.due(log.now + 59s, {}, log.machine).size() == 1);
  CHECK(installed.due(log.now + 60s, {}, log.machine).size() == 2);
}

TEST_CASE(
    "field fault 20: tokens increase over all names, a floor and a restore, and start at Unix seconds x "
    "2^20") {
  Log log;
  const std::int64_t seconds = 1'800'000'000;
  log.apply(Command{.wall = WallTime{seconds * 1'000'000'000 + 5}, .body = Register{NodeId{1}, 1, {}}});
  Peer a(log, 1);
  a.lock({"x"});
  const Token first = log.find<Granted>().token;
  CHECK(first.value == (static_cast<std::uint64_t>(seconds) << 20U) + 3);
  CHECK(first.value < std::uint64_t{1} << 53U);
  CHECK(log.leader(TokenFloor{Token{first.value + 1000}}).empty());
  a.lock({"y"});
  CHECK(log.find<Granted>().token.value == first.value + 1001);
  log.leader(TokenFloor{first});
  log.leader(TokenFloor{Token{~std::uint64_t{0}}});  // absurd: void
  Result<StateMachine> restored = StateMachine::restore(log.machine.state());
  REQUIRE(restored.ok());
  log.machine = std::move(restored).value();
  a.lock({"z"});
  CHECK(log.find<Granted>().token.value == first.value + 1002);
}

TEST_CASE("a founder's absurd clock does not break tokens") {
  for (const std::int64_t wall : {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{0},
                                  std::numeric_limits<std::int64_t>::max()}) {
    Log log;
    log.apply(Command{.wall = WallTime{wall}, .body = Register{NodeId{1}, 1, {}}});
    Peer a(log, 1);
    a.lock({"x"});
    CHECK(log.find<Granted>().token.value >= 3);
    CHECK(log.find<Granted>().token.value < std::uint64_t{1} << 53U);
  }
}

}  // namespace coord::service
