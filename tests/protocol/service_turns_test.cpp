// SPDX-License-Identifier: MIT
// Barriers whose commands run one at a time, and participants that arrive to say that they have failed.
#include <catch2/catch.hpp>

#include "service_scenario.hpp"

namespace coord::service {

namespace {

struct Story {
  Log log{.machine = StateMachine::at_level(2)};
  Peer a{log, 1}, b{log, 2};

  Arrive arrival(const std::string& id, std::uint32_t count = 3) const {
    Arrive body;
    body.open = Peer::open();
    body.name = "b";
    body.id = id;
    body.terms.count = count;
    body.key = log.last + 1;
    return body;
  }
  std::string turn(const std::string& id, std::uint32_t count = 3) {
    Arrive body = arrival(id, count);
    body.terms.in_turn = body.command = true;
    return a.propose(body);
  }
  std::string meet(const std::string& id, std::uint32_t count = 3) { return a.propose(arrival(id, count)); }
  std::string fail(const std::string& id, std::uint32_t count = 3, const std::string& why = "disk full") {
    Arrive body = arrival(id, count);
    body.fail = true;
    body.why = why;
    return a.propose(body);
  }
  std::string ends(std::uint64_t session, int status = 0) {
    return a.propose(Finish{SessionId{session}, status, 1s});
  }
  const Barrier& barrier() const { return log.machine.state().barriers.barriers.at("b"); }
  // Who reads the state from a snapshot goes on from there.
  void restore() {
    auto restored = StateMachine::restore(log.machine.state());
    REQUIRE(restored.ok());
    log.machine = std::move(*restored);
  }
};

}  // namespace

TEST_CASE("in turn: all meet, then one command at a time by id, whoever arrived first") {
  Story s;
  s.turn("gamma");
  s.turn("beta");
  CHECK(s.turn("alpha") == "arrived s5 in b 1; released b 1 by alpha, turn of alpha: s5 s4 s3");
  CHECK(s.ends(4).starts_with("refused: no command"));  // it is not its turn
  CHECK(s.ends(5) == "done; released b 1 by alpha, turn of beta: s4");
  s.restore();
  CHECK(s.ends(4) == "done; released b 1 by alpha, turn of gamma: s3");
  CHECK(s.ends(3) == "done; released b 1 by alpha, over: s5 s4 s3; closed s5; closed s4; closed s3");
  CHECK(s.log.machine.state().sessions.empty());
}

TEST_CASE("in turn: the first that fails ends it, and nobody has a turn after it") {
  Story s;
  s.turn("alpha");
  s.turn("beta");
  s.turn("gamma");
  s.ends(3);
  CHECK(s.ends(4, 9) == "done; broken b 1 by beta (failed): s3 s4 s5; closed s3; closed s4; closed s5");
  CHECK(s.barrier().generations.at(1).arrivals.at("gamma").status == std::nullopt);
  CHECK(s.turn("gamma") == "arrived s8 in b 2");  // the next one is a new attempt
}

TEST_CASE("in turn: who is lost in its turn ends it") {
  Story s;
  s.turn("alpha", 2);
  s.turn("beta", 2);
  CHECK(s.log.leader(Expire{SessionId{3}, 0}) ==
        "broken b 1 by alpha (lost): s4; closed s4; closed s3 expired");
}

TEST_CASE("in turn: who is lost before its turn ends it when the command that runs has ended, not before") {
  Story s;
  s.turn("alpha");
  s.turn("beta");
  s.turn("gamma");
  CHECK(s.a.close(5, CloseReason::holder_gone) == "closed s5");
  s.restore();
  SECTION("well") {
    CHECK(s.ends(3) == "done; broken b 1 by gamma (lost): s3 s4; closed s3; closed s4");
  }
  SECTION("badly: the first to fail is named") {
    CHECK(s.ends(3, 1) == "done; broken b 1 by gamma (lost): s3 s4; closed s3; closed s4");
  }
}

TEST_CASE("in turn: who comes back over another peer has the same place in the row") {
  Story s;
  s.turn("alpha", 2);
  Arrive beta = s.arrival("beta", 2);
  beta.terms.in_turn = beta.command = true;
  s.a.propose(beta);
  CHECK(s.b.propose(beta) == "arrived s5 in b 1; released b 1 by beta, turn of alpha: s5; closed s4");
  CHECK(s.ends(3) == "done; released b 1 by beta, turn of beta: s5");
}

TEST_CASE("in turn: all must ask for it, with a command, and for no quorum") {
  Story s;
  s.turn("alpha");
  CHECK(s.meet("beta").starts_with("refused: others wait there with another"));
  Arrive wrong = s.arrival("beta");
  wrong.terms.in_turn = true;
  CHECK(s.a.propose(wrong).starts_with("refused: a name, number"));
  wrong.command = true;
  wrong.terms.quorum = 2;
  CHECK(s.a.propose(wrong).starts_with("refused: a name, number"));
}

TEST_CASE("a failure breaks the generation for all who wait, and for those who come later") {
  Story s;
  s.meet("alpha");
  CHECK(s.fail("beta") ==
        "arrived s4 in b 1; broken b 1 by beta (said): s3 s4; lateness of 3 starts; closed s3; closed s4");
  s.restore();
  CHECK(s.meet("gamma") == "arrived s5 in b 1; broken b 1 by beta (said): s5; lateness of 3 ends; closed s5");
  CHECK(s.meet("gamma") == "arrived s6 in b 2");
}

TEST_CASE("a failure that is the first to arrive is kept until all of the count have heard it") {
  Story s;
  CHECK(s.fail("beta") ==
        "arrived s3 in b 1; broken b 1 by beta (said): s3; lateness of 3 starts; closed s3");
  CHECK(s.barrier().generations.at(1).why == "disk full");
  CHECK(s.meet("beta") == "arrived s4 in b 2");                                   // it tries again, early
  CHECK(s.turn("alpha").find("broken b 1 by beta (said)") != std::string::npos);  // on whatever terms
  CHECK(s.meet("alpha", 4).starts_with("refused: others wait there with another"));
  CHECK(s.meet("gamma").find("broken b 1 by beta (said)") != std::string::npos);
  CHECK(s.meet("gamma") == "arrived s8 in b 2");
}

TEST_CASE("a failure is kept for twelve hours, until the next generation is over, or until a reset") {
  Story s;
  s.fail("beta");
  SECTION("twelve hours") {
    CHECK(s.log.machine.limits().late_window == std::chrono::hours(12));
    CHECK(s.log.leader(TimerOver{TimerKind::barrier_late, Token{3}}) == "lateness of 3 ends");
  }
  SECTION("a reset") {
    CHECK(s.a.propose(ResetBarrier{"b"}) == "done; lateness of 3 ends");
    CHECK(s.a.propose(ResetBarrier{"b"}).starts_with("refused: nobody"));
  }
  SECTION("another failure of the same one") {
    CHECK(s.fail("beta", 2).find("lateness of 3 ends") != std::string::npos);
  }
  const std::string met = s.meet("alpha");  // it waits, in a generation of its own
  CHECK(met.starts_with("arrived"));
  CHECK(met.find("broken") == std::string::npos);
}

TEST_CASE("only the user whose failure it is, and root, take it back") {
  Story s;
  s.fail("beta");
  CHECK(s.a.propose(ResetBarrier{"b", 1001, "other"}).starts_with("refused: "));
  CHECK(s.a.propose(ResetBarrier{"b", 1000, "user"}) == "done; lateness of 3 ends");
}

TEST_CASE("a failure asks for the same count and for a place, and after a release it is late") {
  Story s;
  Arrive expecting = s.arrival("alpha", 2);
  expecting.terms.expect = {"alpha", "beta"};
  s.a.propose(expecting);
  CHECK(s.fail("beta").starts_with("refused: others wait there with another"));
  CHECK(s.fail("gamma", 2).starts_with("refused: all places belong"));
  CHECK(s.fail("alpha", 2).starts_with("refused: a participant with this id"));
  CHECK(s.fail("beta", 2).find("broken b 1 by beta (said)") != std::string::npos);

  Arrive quorum = s.arrival("x", 2);
  quorum.name = "q";
  quorum.terms.quorum = 1;
  s.a.propose(quorum);
  Arrive late = s.arrival("y", 2);
  late.name = "q";
  late.fail = true;
  CHECK(s.a.propose(late).find("released q 1 by x") != std::string::npos);
}

TEST_CASE("a failure that is said again is the same one") {
  Story s;
  Arrive body = s.arrival("beta");
  body.fail = true;
  s.a.propose(body);
  CHECK(s.b.propose(body) == "arrived s4 in b 1; broken b 1 by beta (said): s4; closed s4");
  CHECK(s.barrier().last == 1);
}

TEST_CASE("a failure runs no command, and is not explained at length") {
  Story s;
  Arrive body = s.arrival("beta");
  body.fail = body.command = true;
  CHECK(s.a.propose(body).starts_with("refused: a name, number"));
  CHECK(s.fail("beta", 3, std::string(256, 'x')).starts_with("refused: a name, number"));
  body.fail = false;
  body.command = false;
  body.why = "no failure";
  CHECK(s.a.propose(body).starts_with("refused: a name, number"));
}

}  // namespace coord::service
