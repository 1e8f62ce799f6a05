// SPDX-License-Identifier: MIT
// A machine that is closed for a hand-over: who waits waits on, who holds goes on, nothing new is granted.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "service/hand_over.hpp"
#include "service_scenario.hpp"

using namespace coord;
using namespace coord::service;

namespace {

struct Lone {
  explicit Lone(Level level = 2) {
    log.machine = StateMachine::at_level(level);
    log.apply(Command{.body = Register{NodeId{1}, 1, {}, newest_level}});
    client = log.find<Registered>().client;
  }
  std::string propose(Body body) {
    return log.apply(
        Command{.node = NodeId{1}, .client = client, .sequence = ++sequence, .body = std::move(body)});
  }
  std::string acquire(const std::string& name, bool wait = true, std::vector<SessionId> inside = {}) {
    return propose(Acquire{.open = open(), .request = 1, .names = {name}, .wait = wait, .inside = inside});
  }
  std::string stand(const std::string& name, bool wait = true) {
    return propose(
        Acquire{.open = open(), .request = 1, .names = {name}, .wait = wait, .candidacy = Candidacy{}});
  }
  static Open open() { return Open{Owner{"peer", "host", 1000, "alice", 42, "command"}, 10s, 7}; }
  SessionId last() const { return SessionId{log.last}; }
  Standing::Kind stands(SessionId session) const { return log.machine.standing(session, 1).kind; }

  Log log;
  ClientId client{};
  std::uint64_t sequence = 0;
};

using Kind = Standing::Kind;
const std::string moving = "refused: " + describe(Refusal::moving);

}  // namespace

TEST_CASE("closed_grants_nothing: a lock or a leadership that is granted by a closed peer is noticed") {
  const auto granted = [] {
    Lone lone;
    lone.acquire("held");
    const SessionId holder = lone.last();
    lone.acquire("held");
    const SessionId waiter = lone.last();
    lone.log.leader(Shut{true});
    lone.propose(Release{holder, 1, 0});
    lone.acquire("free");
    const SessionId late = lone.last();
    lone.stand("job");
    const SessionId candidate = lone.last();
    int grants = 0;
    for (const SessionId session : {waiter, late, candidate}) grants += lone.stands(session) == Kind::held;
    return grants;
  };
  CHECK(granted() == 0);
  mutants::removed = "closed_grants_nothing";
  const int without = granted();
  mutants::removed.clear();
  CHECK(without == 3);
}

TEST_CASE("who may not wait at a closed peer is told that it moves") {
  Lone lone;
  lone.acquire("held");
  lone.log.leader(Shut{true});
  CHECK(lone.acquire("free", false) == moving);
  CHECK(lone.acquire("held", false) == moving);
  CHECK(lone.stand("job", false) == moving);
}

TEST_CASE("what is held by a holder already is entered also at a closed peer: else it would never end") {
  Lone lone;
  lone.acquire("held");
  const SessionId holder = lone.last();
  lone.log.leader(Shut{true});
  lone.acquire("held", false, {holder});
  CHECK(lone.stands(lone.last()) == Kind::held);
  CHECK(lone.acquire("other", false, {holder}) == moving);
}

TEST_CASE("a peer that is opened again grants what had to wait, in the old order") {
  Lone lone;
  lone.log.leader(Shut{true});
  lone.acquire("lock");
  const SessionId first = lone.last();
  lone.acquire("lock");
  const SessionId second = lone.last();
  lone.stand("job");
  const SessionId candidate = lone.last();
  // As it would be after a restart.
  lone.log.machine = *StateMachine::restore(lone.log.machine.state());
  CHECK(lone.log.machine.state().closed);
  lone.log.leader(Shut{false});
  CHECK(lone.stands(first) == Kind::held);
  CHECK(lone.stands(second) == Kind::waiting);
  CHECK(lone.stands(candidate) == Kind::held);
}

TEST_CASE("below level 2 nothing is closed") {
  Lone lone(1);
  lone.log.leader(Shut{true});
  CHECK_FALSE(lone.log.machine.state().closed);
}

TEST_CASE("a hand-over names who holds, and what a group does not take over") {
  Lone lone;
  lone.acquire("lock");
  const SessionId holder = lone.last();
  lone.acquire("lock");  // waits: it may wait at the group
  lone.stand("job");
  lone.propose(Acquire{
      .open = Lone::open(), .request = 1, .names = {"quick"}, .terms = {.min_hold = 60s, .period = 60s}});
  const SessionId permit = lone.last();
  Counted held = holding(lone.log.machine, 2);
  CHECK(held.all == 3);
  REQUIRE(held.some.size() == 2);
  CHECK(held.some[0] == "lock (alice, pid 42: command)");
  lone.propose(Release{holder, 1, 0});
  lone.propose(Close{permit, CloseReason::finished});
  const Counted stays = staying(lone.log.machine, 64);
  CHECK(stays.some == std::vector<std::string>{"rate of quick: 1 in 60 s"});
}
