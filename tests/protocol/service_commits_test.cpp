// SPDX-License-Identifier: MIT
// Transactions on several hosts, as the log sees them.
#include "service_commits_story.hpp"

using namespace coord;
using namespace coord::service;

TEST_CASE("a transaction is committed with the last yes, and is done when all have done it") {
  Deal deal;
  CHECK(deal.join("a", 1) == "changed deal; generation 3");
  CHECK(deal.vote("a", 1, true) == "changed deal; generation 3");
  CHECK(deal.is() == "open, 1/2 1 0");
  CHECK(deal.finish("a", 1) == "not decided, generation 0");
  CHECK(deal.join("b", 2) == "changed deal; generation 3");
  CHECK(deal.vote("b", 2, true) == "changed deal; generation 3");
  CHECK(deal.is() == "committed by b, 2/2 2 0");
  (void)deal.abandon("a", 1);  // too late
  CHECK(deal.is() == "committed by b, 2/2 2 0");
  (void)deal.finish("a", 1);
  (void)deal.finish("b", 2, 7);
  CHECK(deal.is() == "committed by b, 2/2 2 1");
  (void)deal.finish("b", 2);
  CHECK(deal.is() == "committed by b, 2/2 2 2");
}

TEST_CASE("one no aborts, and so does one that waits no longer") {
  Deal deal;
  SECTION("a no, whatever is said later") {
    (void)deal.join("a", 1);
    (void)deal.join("b", 2);
    (void)deal.vote("b", 2, false);
    CHECK(deal.is() == "aborted by b, 2/2 1 0");
    (void)deal.vote("a", 1, true);
    (void)deal.vote("b", 2, true);
    CHECK(deal.is() == "aborted by b, 2/2 2 0");
    CHECK(deal.view().participants.back().vote == CommitVote::no);
    CHECK(deal.view().participants.back().why == "no room");
  }
  SECTION("not all came") {
    (void)deal.join("a", 1);
    (void)deal.vote("a", 1, true);
    (void)deal.abandon("a", 1);
    CHECK(deal.is() == "not all came by a, 1/2 1 0");
    CHECK(deal.join("b", 2) == "changed deal; generation 3");  // is told, and takes no part
    CHECK(deal.is() == "not all came by a, 1/2 1 0");
    CHECK(deal.vote("b", 2, true) == "run replaced, generation 0");
  }
  SECTION("all came, and one does not vote") {
    (void)deal.join("a", 1);
    (void)deal.join("b", 2);
    (void)deal.vote("a", 1, true);
    (void)deal.abandon("a", 1);
    CHECK(deal.is() == "aborted by a, 2/2 1 0");
    (void)deal.vote("b", 2, true);
    CHECK(deal.is() == "aborted by a, 2/2 2 0");
  }
}

TEST_CASE("a participant that comes again finds its vote, and its earlier run has nothing more to say") {
  Deal deal;
  (void)deal.join("a", 1);
  CHECK(deal.join("a", 2) == "changed deal; generation 3");
  CHECK(deal.vote("a", 1, true) == "run replaced, generation 0");
  CHECK(deal.view().participants.front().vote == CommitVote::none);
  (void)deal.vote("a", 2, true);
  (void)deal.join("a", 3);
  CHECK(deal.view().participants.front().vote == CommitVote::yes);
  CHECK(deal.join("a", 4, 2, "web2") == "id in use, generation 0");
  CHECK(deal.join("a", 4, 2, "web1", "eve") == "not yours, generation 0");
}

TEST_CASE("who says another count, or is one too many, is refused") {
  Deal deal;
  (void)deal.join("a", 1);
  CHECK(deal.join("b", 2, 3) == "counts differ, generation 0");
  (void)deal.join("b", 2);
  CHECK(deal.join("c", 3) == "all have come, generation 0");
  CHECK(deal.join("", 3) == "invalid, generation 0");
  Deal other;
  CHECK(other.join("a", 1, 0) == "invalid, generation 0");
  CHECK(other.join("a", 1, 257) == "invalid, generation 0");
}

TEST_CASE("what is decided may be forgotten and begin anew, and what was said of it before is void") {
  Deal deal;
  CHECK(deal.forget() == "no such transaction, generation 0");
  (void)deal.join("a", 1, 1);
  CHECK(deal.forget() == "not decided, generation 0");
  const Token first = deal.generation();
  (void)deal.vote("a", 1, false);
  CHECK(deal.forget() == "changed deal; generation 4");
  CHECK(deal.view().of.generation == Token{});
  (void)deal.join("a", 2, 1);
  CHECK(deal.vote("a", 2, true, first) == "forgotten, generation 0");
  (void)deal.vote("a", 2, true);
  CHECK(deal.is() == "committed by a, 1/1 1 0");
}

TEST_CASE("where no participant has room any more, those that are there come again and end what is open") {
  Limits few = limits_of_level(2);
  few.all_commit_participants = 2;
  Deal deal(few);
  (void)deal.join("a", 1, 3);
  (void)deal.join("b", 2, 3);
  CHECK(deal.join("c", 3, 3) == "too many transactions, generation 0");
  CHECK(deal.join("a", 4, 3) == "changed deal; generation 3");
  (void)deal.abandon("a", 4);
  CHECK(deal.is() == "not all came by a, 2/3 0 0");
  CHECK(deal.join("c", 5, 3) == "changed deal; generation 3");  // is told
  CHECK(deal.is() == "not all came by a, 2/3 0 0");
}

TEST_CASE("transactions are bounded, and survive a snapshot") {
  Limits few = limits_of_level(2);
  few.transactions = 2;
  few.all_commit_participants = 3;
  Deal deal(few);
  (void)deal.join("a", 1);
  (void)deal.join("b", 2);
  const auto another = [&](std::string name) {
    return deal.a.propose(JoinCommit{std::move(name), "a", "web1", 2, 1, 1000, "user"});
  };
  CHECK(another("second").starts_with("changed second"));
  CHECK(another("third") == "too many transactions, generation 0");
  const State state = deal.log.machine.state();
  auto restored = StateMachine::restore(state);
  REQUIRE(restored.ok());
  CHECK(restored->state() == state);
  State wrong = state;
  SECTION("committed without every yes") {
    wrong.transactions.at("deal").outcome = CommitOutcome::committed;
  }
  SECTION("a generation that was never given") {
    wrong.transactions.at("deal").generation = Token{1'000'000};
  }
  SECTION("a participant under another's id") {
    wrong.transactions.at("deal").participants.at("a").id = "b";
  }
  SECTION("more participants than its count") {
    wrong.transactions.at("deal").count = 1;
  }
  CHECK_FALSE(StateMachine::restore(wrong).ok());
}

TEST_CASE("of a transaction by two phases the log has who takes part, and what they tell of it") {
  Deal deal;
  CHECK(deal.join_by("a", 1) == "changed deal; generation 3");
  CHECK(deal.join_by("b", 2, CommitBy::three_phase) == "algorithms differ, generation 0");
  CHECK(deal.join("b", 2) == "algorithms differ, generation 0");
  CHECK(deal.log.machine.of<Commits>().name_by_sites(Token{3}) == nullptr);  // not all have come
  CHECK(deal.learn("a", 1, CommitOutcome::aborted) == "invalid, generation 0");
  CHECK(deal.join_by("b", 2) == "changed deal; generation 3");
  REQUIRE(deal.log.machine.of<Commits>().name_by_sites(Token{3}) != nullptr);
  CHECK(deal.vote("a", 1, true) == "algorithms differ, generation 0");
  CHECK(deal.learn("a", 1, CommitOutcome::open) == "invalid, generation 0");
  CHECK(deal.forget() == "not decided, generation 0");
  SECTION("all tell the same") {
    (void)deal.learn("b", 2, CommitOutcome::aborted);
    CHECK(deal.is() == "aborted, 2/2 0 0");
    (void)deal.learn("a", 1, CommitOutcome::aborted, CommitVote::no, "no room");
    CHECK(deal.is() == "aborted by a, 2/2 1 0");
    (void)deal.finish("a", 1);
    (void)deal.finish("b", 2);
    CHECK(deal.is() == "aborted by a, 2/2 1 2");
    CHECK(deal.forget() == "changed deal; generation 3");
  }
  SECTION("one tells another outcome") {
    (void)deal.learn("a", 1, CommitOutcome::committed, CommitVote::yes);
    (void)deal.learn("b", 2, CommitOutcome::aborted);
    CHECK(deal.is() == "torn, 2/2 1 0");
    (void)deal.learn("b", 2, CommitOutcome::committed);  // said once
    CHECK(deal.is() == "torn, 2/2 1 0");
  }
  SECTION("nobody tells anything, and it is forgotten all the same") {
    CHECK(deal.forget(true) == "changed deal; generation 3");
  }
}

TEST_CASE("what is said of a protocol must be possible") {
  Deal deal;
  JoinCommit join{"deal", "a", "web1", 2, 1, 1000, "user"};
  join.by = CommitBy::two_phase;
  CHECK(deal.a.propose(join) == "invalid, generation 0");  // no disk
  join.site = {NodeId{1}, 7, 0, "web1"};
  join.bound = std::chrono::hours(2);
  CHECK(deal.a.propose(join) == "invalid, generation 0");
  join.bound = {};
  join.by = CommitBy{7};
  CHECK(deal.a.propose(join) == "invalid, generation 0");
  join.by = CommitBy::majority;
  CHECK(deal.a.propose(join) == "invalid, generation 0");  // it has no sites
}
