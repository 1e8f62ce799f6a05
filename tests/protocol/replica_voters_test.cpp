// SPDX-License-Identifier: MIT
// What a leader does for an operator's order, step by step: a group of one that takes others in.
#include <catch2/catch.hpp>
#include <chrono>

#include "replica/voter_changes.hpp"

using namespace coord;
using namespace coord::replica;
using namespace std::chrono_literals;

namespace {

constexpr NodeId alpha{1}, beta{2};

VoterOrder order(VoterVerb verb, NodeId node, NodeId other = {}) {
  return {verb, node, other, "root"};
}

// The leader of a group that it is alone in, with all it writes durable.
struct Leader {
  explicit Leader(bool leads = true) {
    raft::Config config;
    config.self = alpha;
    config.peers = {alpha};
    raft::Recovered recovered;
    recovered.hard_state.founders[alpha] = {};
    raft.emplace(config, recovered, Random(7), now);
    if (!leads) return;
    step(raft::Tick{});
    REQUIRE(raft->role() == raft::Role::leader);
  }
  void step(const raft::Event& event) {
    for (const raft::Action& action : raft->step(now, event)) {
      if (const auto* persist = std::get_if<raft::Persist>(&action)) step(raft::Persisted{persist->id});
    }
  }
  VoterChanges::Next ask(const VoterOrder& what) {
    auto next = changes.next(now, *raft, level, what);
    if (next.change) step(raft::ChangeMembers{*next.change, level});
    return next;
  }

  Instant now = Instant{} + 1s;
  Level level = 2;
  std::optional<raft::Raft> raft;
  VoterChanges changes;
};

}  // namespace

TEST_CASE("who does not lead, and a group of level 1, change nothing") {
  Leader follower(false);
  const auto next = follower.ask(order(VoterVerb::promote, beta));
  CHECK(next.answer.progress == VoterProgress::nobody_leads);
  CHECK(next.answer.refusal == VoterRefusal::none);
  CHECK_FALSE(next.change);
  Leader early;
  early.level = 1;
  CHECK(early.ask(order(VoterVerb::promote, beta)).answer.refusal == VoterRefusal::too_early);
}

TEST_CASE("a peer that is promoted learns first, and is waited for") {
  Leader a;
  auto next = a.ask(order(VoterVerb::promote, beta));
  REQUIRE(next.change);
  CHECK(*next.change == raft::Change{raft::Step::learn, beta});
  next = a.ask(order(VoterVerb::promote, beta));
  CHECK_FALSE(next.change);
  CHECK(next.answer.progress == VoterProgress::catches_up);
  CHECK(next.answer.about == beta);
  CHECK(next.answer.lacking == a.raft->last_index().value);
  CHECK(a.raft->voters().learns(beta));
  a.now += 3s;
  CHECK(a.ask(order(VoterVerb::remove, beta)).change == raft::Change{raft::Step::remove, beta});
  CHECK(a.ask(order(VoterVerb::remove, beta)).answer.progress == VoterProgress::done);
}

TEST_CASE("one order at a time, until it has not been asked for a while") {
  Leader a;
  (void)a.ask(order(VoterVerb::promote, beta));
  a.now += 1500ms;
  (void)a.ask(order(VoterVerb::promote, beta));
  a.now += 1500ms;
  const auto next = a.ask(order(VoterVerb::remove, beta));
  CHECK(next.answer.refusal == VoterRefusal::other_order);
  CHECK(next.answer.other_order == order(VoterVerb::promote, beta));
  CHECK_FALSE(next.change);
  a.now += 1s;
  CHECK(a.ask(order(VoterVerb::remove, beta)).change);
}

TEST_CASE("what cannot be ordered") {
  Leader a;
  CHECK(a.ask(order(VoterVerb::remove, alpha)).answer.refusal == VoterRefusal::last_voter);
  CHECK(a.ask(order(VoterVerb::demote, alpha)).answer.refusal == VoterRefusal::last_voter);
  CHECK(a.ask(order(VoterVerb::demote, beta)).answer.refusal == VoterRefusal::not_there);
  CHECK(a.ask(order(VoterVerb::transfer, beta)).answer.refusal == VoterRefusal::no_voter);
  CHECK(a.ask(order(VoterVerb::transfer, alpha)).answer.progress == VoterProgress::done);
  CHECK(a.ask(order(VoterVerb::promote, alpha)).answer.progress == VoterProgress::done);
  CHECK(a.ask(order(VoterVerb::remove, beta)).answer.progress == VoterProgress::done);
}

TEST_CASE("to be replaced by who has not caught up: the old one stays") {
  Leader a;
  CHECK(a.ask(order(VoterVerb::replace, alpha, beta)).change == raft::Change{raft::Step::learn, beta});
  const auto next = a.ask(order(VoterVerb::replace, alpha, beta));
  CHECK_FALSE(next.change);
  CHECK_FALSE(next.hand_over);
  CHECK(next.answer.progress == VoterProgress::catches_up);
}

TEST_CASE("a voter that has lost its state is removed before another one comes in its place") {
  constexpr NodeId gamma{3}, delta{4};
  const auto first_step = [&](bool recovering) {
    Leader a(false);
    raft::Config config;
    config.self = alpha;
    config.peers = {alpha, beta, gamma};
    raft::Recovered recovered;
    for (const NodeId peer : config.peers) recovered.hard_state.founders[peer] = {};
    a.raft.emplace(config, recovered, Random(7), a.now);
    a.now = *a.raft->deadline();
    a.step(raft::Tick{});
    const Term term{1};
    a.step(raft::Receive{beta, raft::VoteReply{term, true, true}});
    a.step(raft::Receive{beta, raft::VoteReply{term, false, true}});
    REQUIRE(a.raft->role() == raft::Role::leader);
    a.step(raft::Receive{beta, raft::AppendReply{term, true, false, a.raft->last_index(), {}, {}}});
    a.step(raft::Receive{gamma, raft::AppendReply{term, true, recovering, {}, {}, {}}});
    return a.ask(order(VoterVerb::replace, gamma, delta)).change;
  };
  CHECK(first_step(false) == raft::Change{raft::Step::learn, delta});
  CHECK(first_step(true) == raft::Change{raft::Step::remove, gamma});
}
