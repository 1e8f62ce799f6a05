// SPDX-License-Identifier: MIT
// Nothing that peers ask for makes the state grow without bound, and no snapshot
// brings the machine to its knees.
#include "service_scenario.hpp"

namespace coord::service {

namespace {

std::string refusal(Refusal why) {
  return "refused: " + describe(why);
}

Log limited(void (*set)(Limits&)) {
  Limits limits;
  set(limits);
  return Log{StateMachine(limits)};
}

}  // namespace

TEST_CASE("sessions are limited: of the group, of one user on one peer") {
  Log log = limited([](Limits& limits) {
    limits.sessions = 3;
    limits.sessions_of_user = 2;
  });
  Peer a(log, 1), b(log, 2);
  a.lock({"x"});  // s3
  a.lock({"y"});
  CHECK(a.lock({"z"}) == refusal(Refusal::too_many_of_user));
  CHECK(b.lock({"z"}) == "opened s6; granted s6#1 token 6 z");
  CHECK(b.lock({"w"}) == refusal(Refusal::too_many_sessions));
  a.close(3);
  CHECK(a.lock({"x"}) == "opened s9; granted s9#1 token 9 x");
}

TEST_CASE("requests are limited, with those whose names are only kept shut") {
  Log log = limited([](Limits& limits) { limits.requests = 2; });
  Peer a(log, 1);
  a.lock({.names = {"x"}, .terms = {.mode = Mode::shared, .min_hold = 5s}});  // s2
  a.close(2);
  a.lock({"x"}, Mode::shared);
  CHECK(a.lock({"x"}, Mode::shared) == refusal(Refusal::too_many_requests));
  CHECK(a.lock({"x"}) == refusal(Refusal::too_many_requests));
  log.leader(TimerOver{TimerKind::min_hold, Token{2}});
  CHECK(a.lock({"x"}, Mode::shared) == "opened s8; granted s8#1 token 8 x");
}

TEST_CASE("a session's requests and the group's names are limited") {
  Log log = limited([](Limits& limits) {
    limits.requests_of_session = 2;
    limits.names = 3;
  });
  Peer a(log, 1);
  a.lock({"x"});
  a.propose(Acquire{.session = {2}, .request = 2, .names = {"y"}});
  CHECK(a.propose(Acquire{.session = {2}, .request = 3, .names = {"z"}}) ==
        refusal(Refusal::too_many_of_session));
  CHECK(a.lock({"x", "v", "w"}) == refusal(Refusal::too_many_names));
  CHECK(a.lock({"x", "y", "z"}) == "opened s6; queued s6#1");
}

TEST_CASE("names take a limited room, those kept shut included, peers are limited") {
  Log log = limited([](Limits& limits) {
    limits.all_name_bytes = 10;
    limits.nodes = 2;
  });
  Peer a(log, 1), b(log, 2);
  CHECK(log.apply(Command{.body = Register{NodeId{3}, 1, {}}}) == "not registered, current 0");
  a.lock({.names = {"123456"}, .terms = {.min_hold = 1s}});  // s4
  CHECK(b.lock({"12345"}) == refusal(Refusal::too_many_names));
  a.close(4);
  CHECK(b.lock({"12345"}) == refusal(Refusal::too_many_names));
  log.leader(TimerOver{TimerKind::min_hold, Token{4}});
  CHECK(b.lock({"1234567890"}) == "opened s9; granted s9#1 token 9 1234567890");
}

TEST_CASE("owners' texts are limited, of one session and of all together") {
  Log log = limited([](Limits& limits) {
    limits.owner_bytes = 100;
    limits.all_owner_bytes = 150;
  });
  Peer a(log, 1);
  Acquire acquire{.open = Peer::open(), .request = 1, .names = {"x"}, .terms = {.min_hold = 1s}};
  acquire.open->owner = Owner{"", "", 0, "", 1, std::string(101, 'c')};
  CHECK(a.propose(acquire) == refusal(Refusal::owner_too_long));
  acquire.open->owner.command.resize(90);
  a.propose(acquire);  // s3
  acquire.names = {"y"};
  CHECK(a.propose(acquire) == refusal(Refusal::too_many_owner_bytes));
  a.close(3);
  CHECK(a.propose(acquire) ==
        refusal(Refusal::too_many_owner_bytes));  // the minimum hold still shows its owner
  log.leader(TimerOver{TimerKind::min_hold, Token{3}});
  CHECK(a.propose(acquire) == "opened s8; granted s8#1 token 8 y; minimum hold of 8 starts");
}

TEST_CASE("absurd requests are refused, one reason for all") {
  Log log;
  Peer a(log, 1);
  const auto refused = [&](Acquire acquire) {
    return a.lock(std::move(acquire)) == refusal(Refusal::invalid);
  };
  CHECK(refused({.names = {}}));
  CHECK(refused({.names = {""}}));
  CHECK(refused({.names = {"-n"}}));
  CHECK(refused({.names = {std::string("a\0b", 3)}}));
  CHECK(refused({.names = {std::string(256, 'a')}}));
  CHECK(refused({.names = std::vector<std::string>(65, "a")}));
  CHECK(refused({.session = {1}, .names = {"x"}}));
  CHECK(refused({.names = {"x"}, .terms = {.permits = 0}}));
  CHECK(refused({.names = {"x"}, .terms = {.permits = 1'000'000}}));
  CHECK(refused({.names = {"x"}, .terms = {.mode = Mode::shared, .permits = 2}}));
  CHECK(refused({.names = {"x"}, .terms = {.mode = static_cast<Mode>(9)}}));
  CHECK(refused({.names = {"x"}, .terms = {.lock_delay = -1s}}));
  CHECK(refused({.names = {"x"}, .terms = {.lock_delay = Duration::max()}}));
  CHECK(refused({.names = {"x"}, .terms = {.min_hold = Duration::min()}}));
  for (const Duration ttl : {Duration::min(), Duration::zero(), Duration(1ms), Duration::max()}) {
    CHECK(a.propose(Acquire{.open = Peer::open(ttl), .request = 1, .names = {"x"}}) ==
          refusal(Refusal::invalid));
  }
  a.lock({"x"});
  const std::uint64_t session = log.last;
  CHECK(a.close(session, CloseReason::expired) == refusal(Refusal::invalid));
  CHECK(a.close(session, static_cast<CloseReason>(200)) == refusal(Refusal::invalid));
  CHECK(a.propose(Renew{std::vector<SessionId>(5000)}) == refusal(Refusal::invalid));
  CHECK(log.leader(TimerOver{static_cast<TimerKind>(7), Token{session}}).empty());
  CHECK(log.leader(Expire{SessionId{~std::uint64_t{0}}, 0}).empty());
}

TEST_CASE("a snapshot that contradicts itself is an error, never a crash") {
  Log log;
  Peer a(log, 1);
  a.lock({.names = {"x"}, .terms = {.min_hold = 1s}});  // s2
  a.lock({"x"});                                        // s3
  a.lock({"y"});                                        // s4
  a.lock({.names = {"z"}, .terms = {.min_hold = 1s}});  // s5
  a.close(5);
  const State good = log.machine.state();
  REQUIRE(StateMachine::restore(good).ok());
  const auto bad = [&](auto damage) {
    State state = good;
    damage(state);
    const auto restored = StateMachine::restore(state);
    return !restored.ok() && restored.error().text().find("snapshot of the service: ") == 0;
  };
  CHECK(bad([](State& s) { s.sessions.erase(SessionId{4}); }));
  CHECK(bad([](State& s) { s.sessions.begin()->second.ttl = Duration::zero(); }));
  CHECK(bad([](State& s) { s.last_token = Token{1}; }));
  CHECK(bad([](State& s) { s.applied = LogIndex{3}; }));
  CHECK(bad([](State& s) { s.requests.at(LogIndex{3}).token = Token{4}; }));
  CHECK(bad([](State& s) { s.requests.at(LogIndex{4}).names = {"x"}; }));
  CHECK(bad([](State& s) { s.requests.at(LogIndex{4}).names = {"z"}; }));
  CHECK(bad([](State& s) { s.requests.at(LogIndex{4}).names = {"y", "b"}; }));
  CHECK(bad([](State& s) { s.requests.at(LogIndex{4}).names = {}; }));
  CHECK(bad([](State& s) { s.requests.at(LogIndex{3}).terms.permits = 2; }));
  CHECK(bad([](State& s) { s.requests.at(LogIndex{3}).terms.permits = 0; }));
  CHECK(bad([](State& s) { s.requests.at(LogIndex{3}).session = SessionId{2}; }));
  CHECK(bad([](State& s) { s.sessions.begin()->second.ttl = Duration::max(); }));
  CHECK(bad([](State& s) { s.requests.at(LogIndex{3}).terms.min_hold = Duration::min(); }));
  CHECK(bad([](State& s) { s.lingering_holds.begin()->second.terms.min_hold = Duration::zero(); }));
  CHECK(bad([](State& s) { s.lingering_holds.begin()->second.terms.lock_delay = Duration::max(); }));
  CHECK(bad([](State& s) { s.registrations.at(NodeId{1}).settled = 3; }));
  CHECK(bad([](State& s) { s.registrations.at(NodeId{1}).client = ClientId{99}; }));
}

TEST_CASE("free locks cost no memory") {
  Log log;
  Peer a(log, 1);
  for (int i = 0; i < 1000; ++i) {
    a.acknowledged = a.sequence;
    a.lock({"name" + std::to_string(i)});
    a.close(log.last);
  }
  const State& state = log.machine.state();
  CHECK(log.machine.of<Locks>().table().all().empty());
  CHECK((state.sessions.empty() && state.requests.empty() && state.lingering_holds.empty()));
  CHECK(state.registrations.at(a.node).applied.size() <= 2);
}

}  // namespace coord::service
