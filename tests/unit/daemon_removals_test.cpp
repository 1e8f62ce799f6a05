// SPDX-License-Identifier: MIT
// Whether `dpeers remove` on a host without a vote takes a vote only, or lets the group forget the host.
#include <catch2/catch.hpp>

#include "daemon/removals.hpp"

using namespace coord;
using namespace coord::daemon;
using replica::VoterAnswer;
using replica::VoterProgress;

namespace {

constexpr NodeId a_voter{1}, removed_host{2};

VoterAnswer said_of(VoterProgress progress, std::vector<NodeId> voters) {
  VoterAnswer answer;
  answer.progress = progress;
  answer.voters.voters = std::move(voters);
  return answer;
}

}  // namespace

TEST_CASE("a host without a vote is forgotten, one that votes loses its vote only", "[voters]") {
  Removals without;
  without.asked(removed_host, false);
  CHECK(without.hears(removed_host, said_of(VoterProgress::done, {a_voter})));
  Removals of_vote;
  of_vote.asked(removed_host, true);
  CHECK_FALSE(of_vote.hears(removed_host, said_of(VoterProgress::leads_newly, {a_voter, removed_host})));
  CHECK(of_vote.is_only_vote(removed_host));
  of_vote.asked(removed_host, true);
  CHECK_FALSE(of_vote.hears(removed_host, said_of(VoterProgress::done, {a_voter})));
}

TEST_CASE("two operators: the second one hears of a vote that another one takes", "[voters]") {
  Removals second;
  second.asked(removed_host, true);
  CHECK_FALSE(second.hears(removed_host, said_of(VoterProgress::is_proposed, {a_voter})));
  CHECK(second.is_only_vote(removed_host));
  second.asked(removed_host, false);
  CHECK_FALSE(second.hears(removed_host, said_of(VoterProgress::done, {a_voter})));
}

TEST_CASE("an order about a vote whose answer was lost stays one", "[voters]") {
  Removals lost;
  lost.asked(removed_host, true);  // carried out, and its answer never comes
  lost.asked(removed_host, false);
  CHECK_FALSE(lost.hears(removed_host, said_of(VoterProgress::done, {a_voter})));
  CHECK(lost.is_only_vote(removed_host));
  Removals passed_on;  // to one who knows of nobody who leads, as that one has died with it
  passed_on.asked(removed_host, true);
  CHECK_FALSE(passed_on.hears(removed_host, said_of(VoterProgress::nobody_leads, {a_voter, removed_host})));
  passed_on.asked(removed_host, false);
  CHECK_FALSE(passed_on.hears(removed_host, said_of(VoterProgress::done, {a_voter})));
}

TEST_CASE("who is a little behind takes a host for one that votes: who leads knows better", "[voters]") {
  Removals behind;
  behind.asked(removed_host, true);
  CHECK(behind.hears(removed_host, said_of(VoterProgress::done, {a_voter})));
  Removals other;
  other.asked(a_voter, true);
  other.asked(removed_host, false);  // of another host nothing is lost
  CHECK(other.hears(removed_host, said_of(VoterProgress::done, {a_voter})));
}

TEST_CASE("a host that is to be forgotten was asked for when its order was said first", "[voters]") {
  Removals again;
  const Instant first = Instant{} + std::chrono::hours(1);
  CHECK(again.forgets(removed_host, first) == first);
  CHECK(again.forgets(removed_host, first + std::chrono::seconds(1)) == first);
  CHECK(again.forgets(a_voter, first + std::chrono::seconds(2)) == first + std::chrono::seconds(2));
}
