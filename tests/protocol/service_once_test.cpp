// SPDX-License-Identifier: MIT
// Every command takes effect once (Raft thesis, section 6.3), and a dead process's commands not at all.
#include "service_scenario.hpp"

namespace coord::service {

TEST_CASE("a retried acquire takes one place in the queue") {
  Log log;
  Peer a(log, 1), b(log, 2);
  a.lock({"x"});
  b.lock({"x"});
  const Command again = log.command;
  CHECK(log.apply(again) == "duplicate");
  CHECK(log.machine.sessions_of(b.node).size() == 1);
  CHECK(log.machine.outcome(b.node, b.client, 1) ==
        Outcome{OutcomeKind::queued, Refusal::none, SessionId{4}, 1, Token{}});
  CHECK(log.machine.standing({4}, 1) == Standing{Standing::Kind::waiting, {}});
  a.release(3);
  CHECK(log.machine.standing({4}, 1) == Standing{Standing::Kind::held, Token{6}});
}

TEST_CASE("field fault 14: a release whose reply is lost and that is retried does not free the next holder") {
  Log log;
  Peer a(log, 1);
  a.lock({"x"});
  CHECK(a.release(2) == "released s2#1");
  const Command release = log.command;
  CHECK(a.propose(Acquire{.session = {2}, .request = 1, .names = {"x"}}) == "granted s2#1 token 4 x");
  CHECK(log.apply(release) == "duplicate");
  CHECK(log.machine.standing({2}, 1).kind == Standing::Kind::held);
}

TEST_CASE("what is settled is forgotten and still not done again") {
  Log log;
  Peer a(log, 1);
  a.lock({"x"});
  const Command first = log.command;
  a.acknowledged = 1;
  a.release(2);
  CHECK(log.machine.outcome(a.node, a.client, 1).kind == OutcomeKind::forgotten);
  CHECK(log.machine.outcome(a.node, a.client, 2).kind == OutcomeKind::released);
  CHECK(log.machine.outcome(a.node, a.client, 3).kind == OutcomeKind::pending);
  CHECK(log.apply(first) == "duplicate");
  CHECK(log.machine.state().registrations.at(a.node).applied.size() == 1);
}

TEST_CASE(
    "commands may arrive in any order within the window, beyond it they are refused and may be sent again") {
  Limits limits;
  limits.window = 4;
  Log log{StateMachine(limits)};
  Peer a(log, 1);
  a.sequence = 3;
  CHECK(a.lock({"x"}) == "opened s2; granted s2#1 token 2 x");  // sequence 4
  CHECK(a.lock({"y"}) == "refused: too many commands of this peer are not settled: wait for older ones");
  a.sequence = 0;
  CHECK(a.lock({"z"}) == "opened s4; granted s4#1 token 4 z");
  a.sequence = 4;
  a.acknowledged = 1;
  CHECK(a.lock({"y"}) == "opened s5; granted s5#1 token 5 y");
}

TEST_CASE(
    "field fault 15: a new process of a peer makes the old one's late commands void, its sessions live on") {
  Log log;
  Peer old(log, 1);
  old.lock({"x"});  // s2
  Command late = log.command;
  late.sequence = 2;
  late.body = Close{SessionId{2}, CloseReason::finished};
  Peer fresh(log, 1, 2);
  CHECK(log.machine.sessions_of(fresh.node) == std::vector{SessionId{2}});
  CHECK(log.apply(late) == "stale");
  CHECK(old.lock({"y"}) == "stale");
  CHECK(log.machine.outcome(old.node, old.client, 1).kind == OutcomeKind::stale);
  CHECK(fresh.release(2) == "released s2#1");
}

TEST_CASE("a Register is idempotent, and a dead process's late copy does not depose the living one") {
  Log log;
  const Command first{.body = Register{NodeId{1}, 10, {}}};
  const Command late{.body = Register{NodeId{1}, 10, {}}};
  CHECK(log.apply(first) == "registered 1");
  CHECK(log.apply(first) == "registered 1");
  CHECK(log.apply(Command{.body = Register{NodeId{1}, 20, {}}}) == "not registered, current 1");
  CHECK(log.apply(Command{.body = Register{NodeId{1}, 20, ClientId{1}}}) == "registered 4");
  CHECK(log.apply(late) == "not registered, current 4");
  CHECK(log.machine.registration(NodeId{1}) == ClientId{4});
}

TEST_CASE("commands of nobody, and of peers that never registered, are void") {
  Log log;
  CHECK(log.leader(Acquire{.open = Peer::open(), .request = 1, .names = {"x"}}) == "stale");
  CHECK(log.apply(Command{.node = NodeId{3}, .client = ClientId{1}, .sequence = 1, .body = Renew{}}) ==
        "stale");
  CHECK(log.machine.state().sessions.empty());
}

TEST_CASE("every refusal says what to do") {
  for (int why = 0; why <= static_cast<int>(Refusal::registration_replaced); ++why) {
    const std::string text = describe(static_cast<Refusal>(why));
    INFO(text);
    CHECK((why == 0 || text.find(": ") != std::string::npos));
  }
}

}  // namespace coord::service
