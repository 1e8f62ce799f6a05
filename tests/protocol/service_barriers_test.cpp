// SPDX-License-Identifier: MIT
// Barriers, as a log tells them.
#include <catch2/catch.hpp>

#include "service_barriers_run.hpp"
#include "service_scenario.hpp"

namespace coord::service {

namespace {

struct Meet {
  std::string id;
  std::uint32_t count = 2;
  std::string name = "b";
  bool command = false;
  bool break_on_death = false;
  std::uint32_t quorum = 0;
  Duration after{};
  std::vector<std::string> expect{};
  std::uint64_t key = 0;  // 0: made of the id
};

Arrive arrive(const Meet& meet) {
  Arrive body;
  body.open = Peer::open();
  body.name = meet.name;
  body.id = meet.id;
  body.terms = {meet.count, meet.quorum, meet.after, meet.expect};
  body.command = meet.command;
  body.break_on_death = meet.break_on_death;
  body.key = meet.key != 0 ? meet.key : std::hash<std::string>{}(meet.id);
  return body;
}

struct Group {
  Log log{};
  Peer a{log, 1}, b{log, 2};
  std::string meet(const Meet& m) { return a.propose(arrive(m)); }
  const Barrier& barrier(const std::string& name = "b") const {
    return log.machine.state().barriers.barriers.at(name);
  }
  bool known(const std::string& name = "b") const {
    return log.machine.state().barriers.barriers.contains(name);
  }
};

}  // namespace

TEST_CASE("the last arrival releases all, and ends their sessions") {
  Group g;
  CHECK(g.meet({"x", 3}) == "arrived s3 in b 1");
  CHECK(g.meet({"y", 3}) == "arrived s4 in b 1");
  CHECK(g.b.propose(arrive({"z", 3})) ==
        "arrived s5 in b 1; released b 1 by z: s3 s4 s5; closed s3; closed s4; closed s5");
  CHECK(g.log.machine.state().sessions.empty());
  CHECK(g.meet({.id = "x", .count = 3, .key = 5}) ==
        "arrived s6 in b 2");  // the next generation, never this one
  CHECK(g.barrier().last == 1);
}

TEST_CASE(
    "the first arrival fixes what all must ask for, an id is there once, the expected have their places") {
  Group g;
  g.meet({.id = "x", .count = 2, .expect = {"x", "y"}});
  CHECK(g.meet({.id = "y", .count = 3}).starts_with("refused: others wait there with another"));
  CHECK(g.meet({.id = "y", .count = 2}).starts_with("refused: others wait there with another"));
  CHECK(g.meet({.id = "z", .count = 2, .expect = {"x", "y"}}).starts_with("refused: all places belong"));
  CHECK(g.meet({.id = "x", .count = 2, .expect = {"x", "y"}, .key = 99})
            .starts_with("refused: a participant with this id"));
  CHECK(g.log.machine.state().sessions.size() == 1);
  CHECK(g.meet({.id = "y", .count = 2, .expect = {"x", "y"}}).find("released b 1 by y") != std::string::npos);
}

TEST_CASE("who comes back to a generation that is not known any more is not counted in another one") {
  Group g;
  g.meet({.id = "x", .count = 1, .key = 7});  // it was released, and nobody could tell it
  g.meet({.id = "y", .count = 1});
  g.meet({.id = "y", .count = 1, .key = 8});
  Arrive again = arrive({.id = "x", .count = 2, .key = 7});
  again.generation = 1;
  CHECK(g.a.propose(again).starts_with("refused: this host was away"));
  again.generation = 2;  // 3 is known and it is not in that one; of 2 nobody knows any more
  CHECK(g.a.propose(again).starts_with("refused: this host was away"));
  again.generation = 5;  // of a barrier that others came to know later
  CHECK(g.a.propose(again).ends_with("in b 4"));
}

TEST_CASE(
    "the earliest generation that may count an arrival is the latest one while it is open to the late") {
  Group g;
  const BarrierState& barriers = g.log.machine.state().barriers;
  CHECK(barriers.earliest_of("b") == 1);
  g.meet({.id = "x", .count = 2, .quorum = 1});
  CHECK(g.barrier().last == 1);
  CHECK(barriers.earliest_of("b") == 1);
  CHECK(g.meet({.id = "y", .count = 2, .quorum = 1}).find("b 1") != std::string::npos);  // late, and the last
  CHECK(barriers.earliest_of("b") == 2);
}

TEST_CASE("who comes back and is in none of the generations that may have counted it arrives") {
  Group g;
  g.meet({.id = "x", .count = 1, .key = 7});
  g.meet({.id = "y", .count = 1, .key = 8});
  g.meet({.id = "y", .count = 1, .key = 9});
  Arrive again = arrive({.id = "x", .count = 2, .key = 10});
  again.generation = 3;  // the latest, which is kept
  CHECK(g.a.propose(again).ends_with("in b 4"));
}

TEST_CASE("out of range: counts, quorums, delays, ids, lists") {
  Group g;
  const std::vector<Meet> wrong{
      {"x", 0},
      {"x", 5000},
      {.id = "x", .quorum = 3, .after = 1s},
      {.id = "x", .after = 1s},
      {.id = "x", .quorum = 1, .after = -1s},
      {.id = ""},
      {.id = std::string(101, 'i')},
      {.id = "x", .name = "-b"},
      {.id = "x", .expect = {"b", "a"}},
      {.id = "x", .expect = {"a", "a"}},
      {.id = "x", .expect = {"a", "b", "c"}},
  };
  for (const Meet& meet : wrong) CHECK(g.meet(meet).starts_with("refused: a name, number or duration"));
  CHECK(g.log.machine.state().sessions.empty());
  CHECK_FALSE(g.known());
}

TEST_CASE("who dies while waiting is not counted, with break_on_death all are told who died") {
  Group g;
  g.meet({"x", 3});
  g.meet({.id = "y", .count = 3});
  CHECK(g.a.close(4, CloseReason::holder_gone) == "closed s4");
  CHECK(g.meet({"z", 3}) == "arrived s6 in b 1");
  g.meet({.id = "w", .count = 3, .name = "c", .break_on_death = true});
  g.meet({.id = "v", .count = 3, .name = "c"});
  CHECK(g.a.close(8, CloseReason::holder_gone) == "broken c 1 by v: s7; closed s7; closed s8");
  CHECK(g.meet({.id = "w", .count = 3, .name = "c", .key = 5}) == "arrived s10 in c 2");
  CHECK(g.log.leader(Expire{SessionId{10}, 0}) == "closed s10 expired");
}

TEST_CASE("withdrawing is a command: whichever is ordered first, the release or it") {
  Group g;
  g.meet({"x"});
  CHECK(g.a.propose(Depart{SessionId{3}}) == "departed s3; closed s3");
  CHECK_FALSE(g.known());
  g.meet({.id = "x", .command = true});
  g.meet({.id = "y", .command = true});
  CHECK(g.a.propose(Depart{SessionId{5}}) == "stays s5");
  CHECK(g.b.propose(Depart{SessionId{5}}).starts_with("refused: the session belongs to another peer"));
}

TEST_CASE("an arrival that is repeated is the same one, wherever its generation has gone meanwhile") {
  Group g;
  g.meet({"x"});
  CHECK(g.b.propose(arrive({"x"})) == "arrived s4 in b 1; closed s3");  // over another peer
  CHECK(g.meet({"y"}).find("released b 1 by y: s4 s5") != std::string::npos);
  CHECK(g.meet({"x"}) == "arrived s6 in b 1; released b 1 by y: s6; closed s6");
  CHECK(g.meet({.id = "x", .key = 7}) == "arrived s7 in b 2");  // a new one: early for the next
}

TEST_CASE("with commands: released together, over with the last, a lost one counts as ended with 3") {
  Group g;
  g.meet({.id = "x", .count = 3, .command = true});
  g.meet({.id = "y", .count = 3, .command = true});
  CHECK(g.meet({.id = "z", .count = 3}) == "arrived s5 in b 1; released b 1 by z: s3 s4 s5; closed s5");
  CHECK(g.a.propose(Finish{SessionId{3}, 0, 2s}) == "done");
  CHECK(g.a.propose(Finish{SessionId{3}, 0, 2s}).starts_with("refused: no command"));
  CHECK(g.meet({.id = "z", .count = 3, .key = 5}) == "arrived s8 in b 2");
  CHECK(g.log.leader(Expire{SessionId{4}, 0}) == "released b 1 by z, over: s3; closed s3; closed s4 expired");
  const Generation& first = g.barrier().generations.at(1);
  CHECK(first.arrivals.at("x").status == 0);
  CHECK(first.arrivals.at("x").run == 2s);
  CHECK(first.arrivals.at("y").status == 3);
  CHECK(first.arrivals.at("y").lost);
}

TEST_CASE(
    "a quorum suffices after its delay, the late pass as members of that generation, the early do not") {
  Group g;
  const auto meet = [&](const char* id, std::uint64_t key = 0) {
    return g.meet({.id = id, .count = 4, .quorum = 2, .after = 5s, .key = key});
  };
  CHECK(meet("w") == "arrived s3 in b 1; delay of 3 starts");
  CHECK(meet("x") == "arrived s4 in b 1");
  const TimerOver over{TimerKind::barrier_after, Token{3}};
  CHECK(g.log.leader(over) ==
        "delay of 3 ends; lateness of 3 starts; released b 1 by time: s3 s4; closed s3; closed s4");
  CHECK(g.log.leader(over) == "");
  CHECK(meet("w", 8) == "arrived s7 in b 2; delay of 7 starts");
  CHECK(meet("y") == "arrived s8 in b 1; released b 1 by time: s8; closed s8");
  CHECK(g.barrier().generations.at(1).arrivals.at("y").late);
  CHECK(g.meet({.id = "q", .count = 4})
            .starts_with("refused: others wait"));  // other terms: not late, and not here
  CHECK(meet("z") == "arrived s10 in b 1; released b 1 by time: s10; lateness of 3 ends; closed s10");
  CHECK(meet("z", 9) == "arrived s11 in b 2");
}

TEST_CASE("a quorum that is there only after the delay is released by its last arrival") {
  Group g;
  g.meet({.id = "x", .count = 3, .quorum = 2, .after = 1s});
  CHECK(g.log.leader(TimerOver{TimerKind::barrier_after, Token{3}}) == "delay of 3 ends");
  CHECK(g.meet({.id = "y", .count = 3, .quorum = 2, .after = 1s}).find("released b 1 by y") !=
        std::string::npos);
  CHECK(g.log.leader(TimerOver{TimerKind::barrier_late, Token{3}}) == "lateness of 3 ends");
  CHECK(g.meet({.id = "z", .count = 3, .quorum = 2, .after = 1s}) == "arrived s7 in b 2; delay of 7 starts");
}

TEST_CASE("a reset breaks whatever gathers or runs") {
  Group g;
  CHECK(g.a.propose(ResetBarrier{"b"}).starts_with("refused: nobody waits or runs there"));
  g.meet({.id = "x", .count = 1, .command = true});
  g.meet({.id = "y", .count = 2});
  CHECK(g.b.propose(ResetBarrier{"b"}) == "done; broken b 1: s4; broken b 2: s5; closed s4; closed s5");
  CHECK(g.a.propose(ResetBarrier{"b"}).starts_with("refused: nobody"));
  CHECK(g.barrier().generations.size() == 1);
  CHECK(g.meet({.id = "x", .count = 1}).find("released b 3 by x") != std::string::npos);
}

TEST_CASE("barriers that nobody uses are kept within bounds, and their numbers never come again") {
  Limits limits;
  limits.idle_barriers = 2;
  Log log{.machine = StateMachine(limits)};
  Peer peer(log, 1);
  const auto& barriers = log.machine.state().barriers.barriers;
  std::uint64_t keys = 0;
  const auto pass = [&](const char* name) {
    return peer.propose(arrive({.id = "x", .count = 1, .name = name, .key = ++keys}));
  };
  for (int round = 0; round < 3; ++round) pass("old");
  pass("one");
  CHECK(barriers.contains("old"));
  pass("two");
  CHECK_FALSE(barriers.contains("old"));
  CHECK(barriers.contains("two"));
  pass("old");
  CHECK(barriers.at("old").last == 4);
  CHECK(barriers.size() == 2);
}

TEST_CASE("random barriers: every arrival in one generation, released by its rule, nobody left in it") {
  std::uint64_t released = 0, late = 0, broken = 0, turns = 0, told = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    BarrierRun run(seed);
    const auto violation = run.run(400);
    INFO("seed " << seed);
    REQUIRE(violation.value_or("") == "");
    released += run.released();
    late += run.late();
    broken += run.broken();
    turns += run.turns();
    told += run.told_of_failures();
  }
  CHECK(released > 3000);
  CHECK(late > 100);
  CHECK(broken > 100);
  CHECK(turns > 100);
  CHECK(told > 100);
}

}  // namespace coord::service
