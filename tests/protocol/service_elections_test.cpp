// SPDX-License-Identifier: MIT
// Leaderships, slots and enrolments in the state machine.
#include "service/elections/listing.hpp"
#include "service_scenario.hpp"

using namespace coord;
using namespace coord::service;

namespace {

struct Hosts {
  Log log;
  Peer a{log, 1}, b{log, 2}, c{log, 3};

  static Acquire for_name(Candidacy wish, bool wait = true) {
    Acquire acquire;
    acquire.names = {"job"};
    acquire.wait = wait;
    acquire.candidacy = std::move(wish);
    return acquire;
  }
  static Candidacy priority(std::int32_t priority, bool preempt = false) {
    Candidacy wish;
    wish.priority = priority;
    wish.preempt = preempt;
    return wish;
  }
  static Candidacy slot(std::string key, std::uint32_t attempts = 3, Duration period = {}) {
    Candidacy wish;
    wish.slot = SlotWish{std::move(key), period, attempts};
    return wish;
  }
  std::string campaign(Peer& peer, Candidacy wish = {}, bool wait = true) {
    return peer.lock(for_name(std::move(wish), wait));
  }
  // At this wall time, in seconds.
  std::string campaign_at(Peer& peer, std::int64_t seconds, Candidacy wish) {
    Acquire acquire = for_name(std::move(wish));
    acquire.open = Peer::open();
    acquire.request = 1;
    Command command{.node = peer.node, .client = peer.client, .sequence = ++peer.sequence, .body = acquire};
    command.wall = WallTime{seconds * 1'000'000'000};
    return log.apply(command);
  }
  std::string complete(Peer& peer, std::uint64_t session) {
    return peer.propose(Complete{SessionId{session}, 1});
  }
  const Leadership& job() const { return log.machine.state().elections.leaderships.at("job"); }
};

}  // namespace

TEST_CASE("a leadership passes on in the order of priority, then of age") {
  Hosts g;
  CHECK(g.campaign(g.a) == "opened s4; granted s4#1 token 4 leads job");
  CHECK(g.campaign(g.b) == "opened s5; queued s5#1");
  CHECK(g.campaign(g.c, Hosts::priority(7)) == "opened s6; queued s6#1");
  CHECK(g.campaign(g.a, Hosts::priority(7)) == "opened s7; queued s7#1");
  CHECK(in_order(g.job()).front()->session == SessionId{6});
  CHECK(g.a.close(4) == "released s4#1; closed s4; granted s6#1 token 8 leads job");
  CHECK(g.c.release(6) == "released s6#1; granted s7#1 token 9 leads job");
  CHECK(g.a.close(7) == "released s7#1; closed s7; granted s5#1 token 10 leads job");
  CHECK(g.b.close(5) == "released s5#1; closed s5");
  CHECK(g.log.machine.state().elections.leaderships.empty());
}

TEST_CASE("the lock and the leadership of one name have nothing to do with each other") {
  Hosts g;
  CHECK(g.campaign(g.a) == "opened s4; granted s4#1 token 4 leads job");
  CHECK(g.b.lock({"job"}) == "opened s5; granted s5#1 token 5 job");
  CHECK(g.b.close(5) == "released s5#1; closed s5");
  CHECK(g.log.machine.standing(SessionId{4}, 1) == Standing{Standing::Kind::held, Token{4}});
}

TEST_CASE("whoever does not wait is refused while somebody leads") {
  Hosts g;
  g.campaign(g.a);
  CHECK(g.campaign(g.b, {}, false) == "refused: " + describe(Refusal::held));
  g.a.close(4);
  CHECK(g.campaign(g.b, {}, false) == "opened s7; granted s7#1 token 7 leads job");
}

TEST_CASE("a candidate may leave, a leader's cancel comes too late") {
  Hosts g;
  g.campaign(g.a);
  g.campaign(g.b);
  CHECK(g.b.cancel(5) == "cancelled s5#1");
  CHECK(g.a.cancel(4) == "already granted s4#1");
  CHECK(g.log.machine.standing(SessionId{5}, 1).kind == Standing::Kind::no_request);
}

TEST_CASE("only a higher priority preempts, and it waits until the leader has gone") {
  Hosts g;
  g.campaign(g.a, Hosts::priority(1));
  CHECK(g.campaign(g.b, Hosts::priority(1, true)) == "opened s5; queued s5#1");
  CHECK(g.campaign(g.c, Hosts::priority(2, true)) == "opened s6; queued s6#1; preempted s4#1");
  CHECK(g.campaign(g.b, Hosts::priority(3, true)) == "opened s7; queued s7#1");  // told already
  CHECK(g.job().leading()->session == SessionId{4});
  CHECK(g.a.close(4) == "released s4#1; closed s4; granted s7#1 token 8 leads job");
  CHECK_FALSE(g.job().deposed);
}

TEST_CASE("to depose names a term, and nobody who came after it") {
  Hosts g;
  g.campaign(g.a);
  g.campaign(g.b);
  CHECK(g.c.propose(Depose{"job", Token{4}}) == "deposed s4#1");
  CHECK(g.c.propose(Depose{"job", Token{4}}).empty());  // told already
  g.a.close(4);
  CHECK(g.c.propose(Depose{"job", Token{4}}) == "refused: " + describe(Refusal::not_leading));
  CHECK(g.c.propose(Depose{"other", Token{4}}) == "refused: " + describe(Refusal::not_leading));
}

TEST_CASE("a minimum hold keeps a leadership shut after its leader has resigned") {
  Hosts g;
  Acquire wish = Hosts::for_name({});
  wish.terms.min_hold = 5s;
  CHECK(g.a.lock(wish) == "opened s4; granted s4#1 token 4 leads job; minimum hold of 4 starts");
  CHECK(g.campaign(g.b) == "opened s5; queued s5#1");
  CHECK(g.a.close(4) == "released s4#1; closed s4");
  CHECK(g.log.machine.timer_runs(TimerKind::min_hold, Token{4}));
  CHECK(g.campaign(g.c, {}, false) == "refused: " + describe(Refusal::held));
  CHECK(g.log.leader(TimerOver{TimerKind::min_hold, Token{4}}) ==
        "minimum hold of 4 ends; granted s5#1 token 8 leads job");
  CHECK_FALSE(g.log.machine.timer_runs(TimerKind::min_hold, Token{4}));
}

TEST_CASE("a slot is completed once, and who waits for it learns that") {
  Hosts g;
  CHECK(g.campaign(g.a, Hosts::slot("monday")) == "opened s4; granted s4#1 token 4 leads job");
  CHECK(g.log.machine.of<Elections>().candidate(SessionId{4}, 1)->attempt == 1);
  CHECK(g.campaign(g.b, Hosts::slot("monday")) == "opened s5; queued s5#1");
  CHECK(g.campaign(g.c, Hosts::slot("monday"), false) == "refused: " + describe(Refusal::slot_running));
  CHECK(g.campaign(g.c, Hosts::slot("tuesday")) == "opened s7; queued s7#1");
  CHECK(g.complete(g.b, 5) == "refused: " + describe(Refusal::not_leading));
  CHECK(g.complete(g.a, 4) == "dismissed s5#1: " + describe(Refusal::slot_done));
  CHECK(g.a.close(4) == "released s4#1; closed s4; granted s7#1 token 10 leads job");
  CHECK(g.campaign(g.b, Hosts::slot("monday")) == "refused: " + describe(Refusal::slot_done));
  CHECK(g.log.machine.state().elections.books.at("job").last->key == "monday");
}

TEST_CASE("a slot whose runner is gone is taken over, as often as allowed") {
  Hosts g;
  g.campaign(g.a, Hosts::slot("monday", 2));
  g.campaign(g.b, Hosts::slot("monday", 2));
  g.campaign(g.c, Hosts::slot("monday", 2));
  CHECK(g.a.close(4, CloseReason::holder_gone) == "released s4#1; closed s4; granted s5#1 token 7 leads job");
  CHECK(g.log.machine.of<Elections>().candidate(SessionId{5}, 1)->attempt == 2);
  CHECK(g.b.close(5) == "released s5#1; closed s5; dismissed s6#1: " + describe(Refusal::attempts_used));
  CHECK(g.campaign(g.a, Hosts::slot("monday", 2)) == "refused: " + describe(Refusal::attempts_used));
  CHECK(g.campaign(g.a, Hosts::slot("monday", 3)) == "opened s10; granted s10#1 token 10 leads job");
}

TEST_CASE("slots by the clock only move on, and not within half a period") {
  Hosts g;
  const auto hour = [](const char* key) { return Hosts::slot(key, 3, 1h); };
  CHECK(g.campaign_at(g.a, 36'000, hour("10:00")) == "opened s4; granted s4#1 token 4 leads job");
  g.complete(g.a, 4);
  g.a.close(4);
  CHECK(g.campaign_at(g.b, 36'100, hour("10:00")) == "refused: " + describe(Refusal::slot_done));
  CHECK(g.campaign_at(g.b, 39'000, hour("09:00")) == "refused: " + describe(Refusal::slot_done));
  // A clock that is ahead.
  CHECK(g.campaign_at(g.b, 37'799, hour("11:00")) == "refused: " + describe(Refusal::slot_done));
  CHECK(g.campaign_at(g.b, 37'800, hour("11:00")) == "opened s10; granted s10#1 token 10 leads job");
  // Its runner died: again, though no half period has passed.
  g.b.close(10, CloseReason::holder_gone);
  CHECK(g.campaign_at(g.c, 37'801, hour("11:00")) == "opened s12; granted s12#1 token 12 leads job");
  CHECK(g.log.machine.of<Elections>().candidate(SessionId{12}, 1)->attempt == 2);
}

TEST_CASE("what was completed without a slot is remembered as well") {
  Hosts g;
  g.campaign(g.a);
  CHECK(g.complete(g.a, 4).empty());
  g.a.close(4);
  CHECK(g.log.machine.state().elections.books.at("job").last->host == "host");
  CHECK(election_names(g.log.machine.state().elections) == std::vector<std::string>{"job"});
}

TEST_CASE("the record of work done is bounded, and never forgets a slot before its time") {
  Limits limits;
  limits.slot_keys = 2;
  limits.books = 2;
  Hosts g;
  g.log.machine = StateMachine(limits);
  g.log.last = 0;
  Peer a(g.log, 1);
  const auto done_at = [&](std::int64_t seconds, const char* key) {
    const std::string said = g.campaign_at(a, seconds, Hosts::slot(key));
    const std::uint64_t session = g.log.last;
    if (said.starts_with("refused")) return said;
    g.complete(a, session);
    a.close(session);
    return std::string("done");
  };
  constexpr std::int64_t day = 86'400;
  CHECK(done_at(0, "1") == "done");
  CHECK(done_at(1, "2") == "done");
  CHECK(done_at(2, "3") == "refused: " + describe(Refusal::too_many_slots));
  CHECK(done_at(399 * day, "1") == "refused: " + describe(Refusal::slot_done));
  CHECK(done_at(400 * day, "3") == "done");
  CHECK(g.log.machine.state().elections.books.at("job").slots.size() == 1);
}

TEST_CASE("a host stands as long as it is enrolled") {
  Hosts g;
  CHECK(g.a.propose(Enroll{"job", {2, "a:80", 1000, "user"}}).empty());
  CHECK(g.b.propose(Enroll{"job", {1, "b:80", 1000, "user"}}).empty());
  CHECK(g.a.propose(Enroll{"job", {3, "a:81", 1000, "user"}}).empty());
  CHECK(g.log.machine.state().elections.enrolled.at("job").at(NodeId{1}).value == "a:81");
  CHECK(g.a.propose(Withdraw{"job", 1001, "other"}) ==
        "refused: " + describe(Refusal::other_users_enrolment));
  CHECK(g.a.propose(Enroll{"job", {9, "a:82", 1001, "other"}}) ==
        "refused: " + describe(Refusal::other_users_enrolment));
  CHECK(g.a.propose(Withdraw{"job", 1000, "user"}).empty());
  CHECK(g.a.propose(Withdraw{"job", 0, "root"}) == "refused: " + describe(Refusal::not_enrolled));
  CHECK(g.a.propose(Enroll{"job", {3, "a:81", 1000, "user"}}).empty());
  CHECK(g.a.propose(Withdraw{"job", 0, "root"}).empty());
  CHECK(g.log.machine.state().elections.enrolled.at("job").size() == 1);
  CHECK(g.a.propose(Enroll{"-x", {}}) == "refused: " + describe(Refusal::invalid));
}

TEST_CASE("candidacies that make no sense are refused") {
  Hosts g;
  Acquire two = Hosts::for_name({});
  two.names = {"a", "b"};
  CHECK(g.a.lock(two) == "refused: " + describe(Refusal::invalid));
  Acquire shared = Hosts::for_name({});
  shared.terms.mode = Mode::shared;
  CHECK(g.a.lock(shared) == "refused: " + describe(Refusal::invalid));
  Acquire delay = Hosts::for_name({});
  delay.terms.lock_delay = 1s;
  CHECK(g.a.lock(delay) == "refused: " + describe(Refusal::invalid));
  CHECK(g.campaign(g.a, Hosts::slot("")) == "refused: " + describe(Refusal::invalid));
  CHECK(g.campaign(g.a, Hosts::slot("k", 0)) == "refused: " + describe(Refusal::invalid));
  CHECK(g.campaign(g.a, Hosts::slot("k", 1, -1s)) == "refused: " + describe(Refusal::invalid));
  Candidacy long_value;
  long_value.value = std::string(1025, 'x');
  CHECK(g.campaign(g.a, long_value) == "refused: " + describe(Refusal::invalid));
  CHECK(g.log.machine.state().elections == ElectionState{});
}

TEST_CASE("leaderships survive a snapshot, and a snapshot that contradicts itself is refused") {
  Hosts g;
  g.campaign(g.a, Hosts::slot("monday"));
  g.campaign(g.b, Hosts::priority(4));
  Acquire held = Hosts::for_name({});
  held.names = {"other"};
  held.terms.min_hold = 5s;
  g.c.lock(held);
  g.c.close(6);
  g.a.propose(Enroll{"job", {}});
  auto copy = StateMachine::restore(g.log.machine.state());
  REQUIRE(copy.ok());
  CHECK(copy->state() == g.log.machine.state());
  CHECK(copy->standing(SessionId{4}, 1) == Standing{Standing::Kind::held, Token{4}});
  CHECK(copy->timer_runs(TimerKind::min_hold, Token{6}));
  g.log.machine = std::move(*copy);
  CHECK(g.a.close(4) == "released s4#1; closed s4; granted s5#1 token 9 leads job");

  const auto refused = [&](auto damage) {
    State state = g.log.machine.state();
    damage(state.elections);
    return !StateMachine::restore(std::move(state)).ok();
  };
  CHECK_FALSE(refused([](ElectionState&) {}));
  CHECK(refused([](ElectionState& e) { e.leaderships.at("job").leader = LogIndex{4}; }));
  CHECK(refused([](ElectionState& e) { e.leaderships.at("job").term = {}; }));
  CHECK(refused([](ElectionState& e) { e.leaderships.at("job").term = Token{999}; }));
  CHECK(refused([](ElectionState& e) { e.leaderships.at("job").candidates.begin()->second.session = {}; }));
  CHECK(refused([](ElectionState& e) { e.leaderships["empty"]; }));
  CHECK(refused([](ElectionState& e) { e.leaderships.at("other").term = e.leaderships.at("job").term; }));
  CHECK(refused([](ElectionState& e) { e.enrolled["nobody"]; }));
}
