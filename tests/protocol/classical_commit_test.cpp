// SPDX-License-Identifier: MIT
// Atomic commitment: who blocks, who does not, and what a partition does to each.
#include "classical_play.hpp"
#include "protocol/commit/majority_commit.hpp"
#include "protocol/commit/three_phase.hpp"
#include "protocol/commit/two_phase.hpp"

using namespace coord;
using namespace std::chrono_literals;

namespace {

const NodeId one{1};

// Node 1 coordinates a transaction of two others, and crashes when the votes are in and nothing is said yet.
catalogue::Setup coordinator_crashes(Duration at, Duration length) {
  auto setup = play::quiet(3);
  setup.asks = {{Instant{}, one, {}}};
  play::crash(setup, 1, at, length);
  return setup;
}

}  // namespace

TEST_CASE("two phases, nothing fails: prepare, votes, decision, acknowledgements") {
  auto setup = play::quiet(3);
  setup.asks = {{Instant{}, one, {}}};
  CHECK(play::run("2pc", setup).trace ==
        "[   10] 1 > 2 prepare\n"
        "[   10] 1 > 3 prepare\n"
        "[   20] 2 > 1 yes\n"
        "[   20] 3 > 1 yes\n"
        "[   30] 1 > 2 commit\n"
        "[   30] 1 > 3 commit\n"
        "[   40] 2 > 1 acknowledge\n"
        "[   40] 3 > 1 acknowledge\n");
}

TEST_CASE("two phases: the coordinator crashes after the votes: all that are left wait until it is back") {
  const auto played = play::run("2pc", coordinator_crashes(15ms, 1s));
  CHECK(played.violated.empty());
  CHECK(played.trace ==
        "[   10] 1 > 2 prepare\n"
        "[   10] 1 > 3 prepare\n"
        "[   15] * process_crash {1} for 1000 ms\n"
        "[   15] 1 - kill -9\n"
        "[   20] 2 x 1 yes\n"
        "[   20] 3 x 1 yes\n"
        "[  220] 2 x 1 what became of it?\n"
        "[  220] 2 > 3 what became of it?\n"
        "[  220] 3 x 1 what became of it?\n"
        "[  220] 3 > 2 what became of it?\n"
        "[  420] 2 x 1 what became of it?\n"
        "[  420] 2 > 3 what became of it?\n"
        "[  420] 3 x 1 what became of it?\n"
        "[  420] 3 > 2 what became of it?\n"
        "[  620] 2 x 1 what became of it?\n"
        "[  620] 2 > 3 what became of it?\n"
        "[  620] 3 x 1 what became of it?\n"
        "[  620] 3 > 2 what became of it?\n"
        "[  820] 2 x 1 what became of it?\n"
        "[  820] 2 > 3 what became of it?\n"
        "[  820] 3 x 1 what became of it?\n"
        "[  820] 3 > 2 what became of it?\n"
        "[ 1015] * quiet\n"
        "[ 1020] 2 > 1 what became of it?\n"
        "[ 1020] 2 > 3 what became of it?\n"
        "[ 1020] 3 > 1 what became of it?\n"
        "[ 1020] 3 > 2 what became of it?\n"
        "[ 1030] 1 > 2 abort\n"
        "[ 1030] 1 > 3 abort\n"
        "[ 1030] 1 > 2 abort\n"
        "[ 1030] 1 > 3 abort\n"
        "[ 1040] 2 > 1 acknowledge\n"
        "[ 1040] 3 > 1 acknowledge\n"
        "[ 1040] 2 > 1 acknowledge\n"
        "[ 1040] 3 > 1 acknowledge\n");
}

TEST_CASE("two phases: one that has not voted frees the others") {
  using commit::TwoPhase;
  TwoPhase voter(Instant{}, {Group::numbered(NodeId{2}, 3), one, 200ms});
  TwoPhase other(Instant{}, {Group::numbered(NodeId{3}, 3), one, 200ms});
  static_cast<void>(voter.step(Instant{}, TwoPhase::Receive{one, TwoPhase::Prepare{}}));
  static_cast<void>(voter.step(Instant{}, commit::Vote{true}));
  static_cast<void>(voter.step(Instant{} + 200ms, TwoPhase::Tick{}));
  CHECK(voter.blocked());
  CHECK(voter.missing() == std::set<NodeId>{one, NodeId{3}});
  const auto answer = other.step(Instant{}, TwoPhase::Receive{NodeId{2}, TwoPhase::Inquire{}});
  CHECK(other.outcome() == commit::Outcome::abort);
  static_cast<void>(
      voter.step(Instant{}, TwoPhase::Receive{NodeId{3}, std::get<TwoPhase::Send>(answer.back()).message}));
  CHECK(voter.outcome() == commit::Outcome::abort);
  CHECK_FALSE(voter.blocked());
}

TEST_CASE("three phases: the same crash: the next in order asks around, and all that are left abort") {
  const auto played = play::run("3pc", coordinator_crashes(15ms, 2s));
  CHECK(played.violated.empty());
  const auto at = [&](const char* text) { return played.trace.find(text); };
  CHECK(at("2 > 3 state?") < at("3 > 2 waiting"));
  CHECK(at("3 > 2 waiting") < at("2 > 3 abort"));
  CHECK(at("2 > 3 abort") < at("quiet"));  // long before the coordinator is back
}

TEST_CASE("three phases: it crashes when all are pre-committed: they commit without it") {
  const auto played = play::run("3pc", coordinator_crashes(35ms, 2s));
  CHECK(played.violated.empty());
  CHECK(played.trace.find("2 > 3 commit") < played.trace.find("quiet"));
}

TEST_CASE("three phases in a partition: one side commits and the other aborts") {
  auto setup = play::quiet(4);
  play::both_ways(setup, 1, 2, 5ms);  // node 2 is told pre-commit before the cut, 3 and 4 are not
  setup.asks = {{Instant{}, one, {}}};
  play::part(setup, {one, NodeId{2}}, 26ms, 3s);
  const auto played = play::run("3pc", setup);
  CHECK(played.violated == "ac1_all_decide_alike");
  INFO(played.trace);
  CHECK(played.trace.find("1 > 2 commit") < played.trace.find("3 > 4 abort"));
}

TEST_CASE(
    "a decision that a majority stores: the same crash blocks nobody, the same partition splits nobody") {
  const auto crashed = play::run("majority-commit", coordinator_crashes(15ms, 2s));
  CHECK(crashed.violated.empty());
  CHECK(crashed.trace.find("chosen abort") < crashed.trace.find("quiet"));

  auto setup = play::quiet(5);
  setup.asks = {{Instant{}, one, {}}};
  play::part(setup, {one, NodeId{2}}, 45ms, 3s);  // accepts are under way
  const auto parted = play::run("majority-commit", setup);
  INFO(parted.trace);
  CHECK(parted.violated.empty());
  CHECK(parted.trace.find("chosen") < parted.trace.find("quiet"));
}
