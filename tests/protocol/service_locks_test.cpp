// SPDX-License-Identifier: MIT
// Locks as a shell user meets them: turns, queues, readers and writers, several names, permits.
#include "service_scenario.hpp"

namespace coord::service {

TEST_CASE("a lock costs one command, and the next in line gets it at the release") {
  Log log;
  Peer a(log, 1), b(log, 2);  // places 1 and 2
  CHECK(a.lock({"door"}) == "opened s3; granted s3#1 token 3 door");
  CHECK(b.lock({"door"}) == "opened s4; queued s4#1");
  CHECK(a.lock({"door"}) == "opened s5; queued s5#1");
  CHECK(a.release(3) == "released s3#1; granted s4#1 token 6 door");
  CHECK(b.close(4) == "released s4#1; closed s4; granted s5#1 token 7 door");
  CHECK(a.close(5) == "released s5#1; closed s5");
  CHECK(log.machine.of<Locks>().table().all().empty());
  CHECK(log.machine.state().requests.empty());
}

TEST_CASE("without waiting it is refused, and no session is left behind") {
  Log log;
  Peer a(log, 1), b(log, 2);
  a.lock({"door"});
  CHECK(b.lock({"door"}, Mode::exclusive, false) == "refused: held by another: wait, or try again later");
  CHECK(log.machine.sessions_of(b.node).empty());
  CHECK(b.lock({"gate"}, Mode::exclusive, false) == "opened s5; granted s5#1 token 5 gate");
}

TEST_CASE("readers share, one that comes after a waiting writer does not overtake it") {
  Log log;
  Peer a(log, 1);
  CHECK(a.lock({"f"}, Mode::shared) == "opened s2; granted s2#1 token 2 f");
  CHECK(a.lock({"f"}, Mode::shared) == "opened s3; granted s3#1 token 3 f");
  CHECK(a.lock({"f"}, Mode::exclusive) == "opened s4; queued s4#1");
  CHECK(a.lock({"f"}, Mode::shared) == "opened s5; queued s5#1");
  CHECK(a.lock({"f"}, Mode::shared, false) == "refused: held by another: wait, or try again later");
  CHECK(a.lock({"f"}, Mode::shared) == "opened s7; queued s7#1");
  CHECK(a.release(2) == "released s2#1");
  CHECK(a.release(3) == "released s3#1; granted s4#1 token 9 f");
  CHECK(a.release(4) == "released s4#1; granted s5#1 token 10 f; granted s7#1 token 11 f");
}

TEST_CASE("a writer that gives up lets the readers behind it in") {
  Log log;
  Peer a(log, 1);
  a.lock({"f"}, Mode::shared);
  a.lock({"f"}, Mode::exclusive);
  a.lock({"f"}, Mode::shared);
  CHECK(a.cancel(3) == "cancelled s3#1; granted s4#1 token 5 f");
}

TEST_CASE("several names are taken all at once or not at all, under one token") {
  Log log;
  Peer a(log, 1);
  CHECK(a.lock({"y", "x", "y"}) == "opened s2; granted s2#1 token 2 x,y");
  CHECK(a.lock({"y", "z"}) == "opened s3; queued s3#1");  // z is free, but not held meanwhile
  CHECK(a.lock({"z"}) == "opened s4; queued s4#1");       // and nobody overtakes on it
  CHECK(a.lock({"w"}) == "opened s5; granted s5#1 token 5 w");
  CHECK(a.release(2) == "released s2#1; granted s3#1 token 6 y,z");
  CHECK(a.release(3) == "released s3#1; granted s4#1 token 7 z");
}

TEST_CASE("crossing orders of names do not deadlock") {
  Log log;
  Peer a(log, 1), b(log, 2);
  a.lock({"x", "y"});  // s3
  CHECK(b.lock({"y", "x"}) == "opened s4; queued s4#1");
  CHECK(a.lock({"x"}) == "opened s5; queued s5#1");
  CHECK(a.release(3) == "released s3#1; granted s4#1 token 6 x,y");
  CHECK(b.release(4) == "released s4#1; granted s5#1 token 7 x");
}

TEST_CASE("slots: N holders, first in, first out, another N is refused while the name is in use") {
  Log log;
  Peer a(log, 1);
  const Acquire two{.names = {"pool"}, .terms = {.permits = 2}};
  CHECK(a.lock(two) == "opened s2; granted s2#1 token 2 pool");
  CHECK(a.lock(two) == "opened s3; granted s3#1 token 3 pool");
  CHECK(a.lock(two) == "opened s4; queued s4#1");
  CHECK(a.lock({.names = {"pool"}, .terms = {.permits = 3}}) ==
        "refused: in use with another number of slots: use the same number, or wait until it is free");
  CHECK(a.release(3) == "released s3#1; granted s4#1 token 6 pool");
  a.release(2);
  a.release(4);
  CHECK(a.lock({.names = {"pool"}, .terms = {.permits = 3}}) == "opened s9; granted s9#1 token 9 pool");
}

TEST_CASE("slots: one who waits for another name keeps its slot, others use the rest") {
  Log log;
  Peer a(log, 1);
  a.lock({.names = {"other"}, .terms = {.permits = 2}});  // s2
  a.lock({.names = {"other"}, .terms = {.permits = 2}});  // s3
  CHECK(a.lock({.names = {"pool", "other"}, .terms = {.permits = 2}}) == "opened s4; queued s4#1");
  CHECK(a.lock({.names = {"pool"}, .terms = {.permits = 2}}) == "opened s5; granted s5#1 token 5 pool");
  CHECK(a.lock({.names = {"pool"}, .terms = {.permits = 2}}) == "opened s6; queued s6#1");
  CHECK(a.release(2) == "released s2#1; granted s4#1 token 7 other,pool");
  CHECK(a.release(5) == "released s5#1; granted s6#1 token 8 pool");
}

TEST_CASE("cancel and grant race: whichever is first in the log decides") {
  Log log;
  Peer a(log, 1);
  a.lock({"x"});
  a.lock({"x"});
  CHECK(a.release(2) == "released s2#1; granted s3#1 token 4 x");
  CHECK(a.cancel(3) == "already granted s3#1");
  CHECK(log.find<AlreadyGranted>().token == Token{4});
  CHECK(a.cancel(3, 9) == "refused: nothing is held or waited for under this request number: nothing to do");
  CHECK(a.cancel(99) == "refused: the session has ended: open a new one");
}

TEST_CASE("one session may hold and wait for several things under numbers of its own") {
  Log log;
  Peer a(log, 1);
  a.lock({"x"});
  CHECK(a.propose(Acquire{.session = {2}, .request = 2, .names = {"y"}}) == "granted s2#2 token 3 y");
  CHECK(a.propose(Acquire{.session = {2}, .request = 2, .names = {"z"}}) ==
        "refused: the session holds or waits under this request number already: use another");
  a.lock({"z"});
  CHECK(a.propose(Acquire{.session = {2}, .request = 3, .names = {"z"}}) == "queued s2#3");
  CHECK(a.release(2, 3) == "refused: it is still waited for: cancel it instead");
  CHECK(a.release(2, 2) == "released s2#2");
  CHECK(a.close(2) == "released s2#1; cancelled s2#3; closed s2");
}

TEST_CASE("nobody but a session's own peer can use it") {
  Log log;
  Peer a(log, 1), b(log, 2);
  a.lock({"x"});
  const std::string no = "refused: the session belongs to another peer: ask that peer";
  CHECK(b.release(3) == no);
  CHECK(b.cancel(3) == no);
  CHECK(b.close(3) == no);
  CHECK(b.propose(Acquire{.session = {3}, .request = 2, .names = {"y"}}) == no);
  CHECK(b.propose(Renew{{SessionId{3}}}) == "renewed gone s3");
  CHECK(log.machine.session({3})->renewal == 0);
}

TEST_CASE("a listing shows holders, waiters in line, and what keeps a name shut") {
  Log log;
  Peer a(log, 1);
  a.lock({.names = {"x"}, .terms = {.min_hold = 5s}});
  a.lock({"x", "y"});
  a.lock({"x"}, Mode::shared);
  a.close(2);
  const auto all = list_all(log.machine, "", 10);
  REQUIRE(all.size() == 2);
  CHECK(all[0].name == "x");
  REQUIRE(all[0].holders.size() == 1);
  CHECK(all[0].holders[0].over);
  CHECK(all[0].holders[0].token == Token{2});
  CHECK(all[0].holders[0].owner.command == "command");
  REQUIRE(all[0].waiters.size() == 2);
  CHECK(all[0].waiters[0].session == SessionId{3});
  CHECK(all[0].waiters[0].position == 1);
  CHECK(all[0].waiters[0].ttl == 10s);
  CHECK(all[0].waiters[1].mode == Mode::shared);
  CHECK(all[1].name == "y");
  CHECK(all[1].holders.empty());
  CHECK(list_all(log.machine, "x", 10).size() == 1);
  CHECK(list_all(log.machine, "", 1).size() == 1);
  CHECK(list(log.machine, {"y", "absent"}).size() == 1);
}

}  // namespace coord::service
