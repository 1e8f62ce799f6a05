// SPDX-License-Identifier: MIT
// A group that keeps so many voters by itself: what the leader orders, and when. The rules are removed here.
#include <catch2/catch.hpp>
#include <chrono>

#include "base/rule.hpp"
#include "replica/registered_life.hpp"
#include "replica/voter_keeper.hpp"
#include "replica/voter_pause.hpp"

using namespace coord;
using namespace coord::replica;
using namespace std::chrono_literals;

namespace {

constexpr NodeId a{1}, b{2}, c{3}, d{4}, e{5};

// `a` leads a, b, c; the clock is moved by looking every second, as the leader does.
struct Leader {
  Leader() {
    view.self = a;
    view.policy = {3, 60s, {}, {}};
    view.voters = {{a, b, c}, {}};
    view.candidates = {d, e};
    view.heard = {{b, now}, {c, now}};
  }
  // b is heard all the time; c as long as it lives. What is ordered then.
  std::optional<VoterOrder> after(Duration time) {
    std::optional<VoterOrder> order;
    for (const Instant end = now + time; now < end; now += 1s) {
      view.heard[b] = now;
      if (lives) view.heard[c] = now;
      order = keeper.next(now, view);
    }
    return order;
  }
  // Anything, at any moment of it.
  bool orders_within(Duration time) {
    bool any = false;
    for (const Instant end = now + time; now < end;) any = after(1s).has_value() || any;
    return any;
  }
  void done(const VoterOrder& order) {
    VoterAnswer answer;
    answer.progress = VoterProgress::done;
    keeper.answered(order, answer);
    if (order.verb == VoterVerb::replace) view.replaced = now;
  }

  Instant now{1000s};
  bool lives = true;
  VoterKeeper keeper;
  VoterKeeper::View view;
};

template <class Condition>
void noticed(const char* rule, Condition well) {
  CHECK(well());
  mutants::removed = rule;
  CHECK_FALSE(well());
  mutants::removed.clear();
}

}  // namespace

TEST_CASE("a voter that has not been heard for so long is replaced by a host that stood by") {
  Leader leader;
  CHECK_FALSE(leader.after(600s));
  leader.lives = false;
  CHECK_FALSE(leader.after(59s));
  const auto order = leader.after(3s);
  REQUIRE(order);
  CHECK(order->verb == VoterVerb::replace);
  CHECK(order->node == c);
  CHECK(order->other == d);
  CHECK(leader.after(10s) == order);  // until it is done
}

TEST_CASE(
    "learner_is_of_registered_life: a host that greets under a number whose disk was lost does not learn") {
  service::State state;
  state.registrations[c].nonce = 7;
  noticed("learner_is_of_registered_life", [&] { return !is_registered_life(state, c, 8); });
  CHECK(is_registered_life(state, c, 7));
  CHECK_FALSE(is_registered_life(state, d, 7));
}

TEST_CASE("nobody stands by, or nothing was ordered: nothing is done") {
  Leader leader;
  leader.lives = false;
  leader.view.candidates.clear();
  CHECK_FALSE(leader.after(600s));
  leader.view.candidates = {d};
  leader.view.policy.count = 0;
  CHECK_FALSE(leader.after(600s));
}

TEST_CASE("too few voters: another one, too many: one goes, the silent one first, never who leads") {
  Leader leader;
  leader.view.policy.count = 5;
  leader.view.voters.learners = {e};
  auto order = leader.after(70s);
  REQUIRE(order);
  CHECK(order->verb == VoterVerb::promote);
  CHECK(order->node == e);  // it learns already
  Leader many;
  many.view.policy.count = 1;
  order = many.after(70s);
  REQUIRE(order);
  CHECK(order->verb == VoterVerb::remove);
  CHECK(order->node == c);
  many.done(*order);
  many.view.voters.voters = {a};
  CHECK_FALSE(many.after(70s));
  Leader last;
  last.view.self = c;
  last.view.policy.count = 2;
  last.view.heard = {{a, last.now}};
  order = last.after(61s);
  REQUIRE(order);
  CHECK(order->node != c);
}

TEST_CASE("who comes in stands where the fewest voters do, and of too many one goes where the most are") {
  Leader leader;
  leader.view.zones = {{a, "north"}, {b, "south"}, {c, "east"}, {d, "south"}, {e, "east"}};
  leader.lives = false;
  CHECK(leader.after(70s)->other == e);  // c goes, and its zone would have none
  Leader many;
  many.view.zones = {{a, "north"}, {b, "north"}, {c, "south"}};
  many.view.policy.count = 2;
  auto order = many.after(70s);
  REQUIRE(order);
  CHECK(order->node == b);
}

TEST_CASE("hosts are there again by which the voters stand better: one of those that share a zone goes") {
  Leader leader;
  leader.view.zones = {{a, "north"}, {b, "south"}, {c, "south"}, {d, "south"}, {e, "east"}};
  const auto order = leader.after(70s);
  REQUIRE(order);
  CHECK(order->verb == VoterVerb::replace);
  CHECK(order->node == b);
  CHECK(order->other == e);
  CHECK(leader.after(10s) == order);
  leader.done(*order);
  leader.view.voters.voters = {a, c, e};
  leader.view.candidates = {b, d};
  CHECK_FALSE(leader.after(2 * 3600s));
  // Within the same limit as any other replacement.
  Leader rests;
  rests.view.zones = leader.view.zones;
  rests.view.replaced = rests.now;
  CHECK_FALSE(rests.after(59 * 60s));
  CHECK(rests.after(120s));
}

TEST_CASE("keeper_spreads_for_the_better: nobody goes round among hosts that stand alike") {
  noticed("keeper_spreads_for_the_better", [] {
    Leader leader;
    leader.view.zones = {{a, "north"}, {b, "south"}, {c, "east"}, {d, "south"}, {e, "east"}};
    return !leader.orders_within(2 * 3600s);
  });
}

TEST_CASE("keeper_spreads_among_the_living: with a voter away the one that is there does not go") {
  noticed("keeper_spreads_among_the_living", [] {
    Leader leader;
    leader.view.zones = {{a, "north"}, {b, "north"}, {c, "south"}, {d, "east"}};
    leader.view.candidates = {};
    if (leader.orders_within(70s)) return false;  // it leads for long enough
    leader.view.candidates = {d};
    leader.lives = false;
    return !leader.orders_within(50s);
  });
}

TEST_CASE("a pause is a length, by a clock that nobody sets") {
  VoterPause pause;
  service::VoterPolicy policy{3, 60s, {}, {}};
  const Instant begin{1000s};
  pause.look(begin, policy);
  CHECK(pause.left(begin) == Duration{});
  policy.pause = 100s;
  policy.pause_asked = WallTime{7};
  pause.look(begin + 1s, policy);
  CHECK(pause.left(begin + 1s) == 100s);
  policy.count = 5;  // what else is ordered meanwhile does not begin it anew
  pause.look(begin + 51s, policy);
  CHECK(pause.left(begin + 51s) == 50s);
  policy.pause_asked = WallTime{8};  // asked for again
  pause.look(begin + 51s, policy);
  CHECK(pause.left(begin + 51s) == 100s);
  CHECK(pause.left(begin + 151s) == Duration{});
  policy.pause = {};
  pause.look(begin + 60s, policy);
  CHECK(pause.left(begin + 60s) == Duration{});
}

TEST_CASE("keeper_waits_for_unbroken_leadership: what an earlier leader saw counts for nothing") {
  noticed("keeper_waits_for_unbroken_leadership", [] {
    Leader leader;
    leader.view.policy.count = 5;
    return !leader.after(30s);
  });
}

TEST_CASE("who was suspended, or led not for a while, begins to count anew") {
  Leader leader;
  leader.lives = false;
  CHECK_FALSE(leader.after(50s));
  leader.now += 30s;  // nobody looked
  CHECK_FALSE(leader.after(50s));
  leader.keeper.reset();
  CHECK_FALSE(leader.after(50s));
  CHECK(leader.after(12s));
}

TEST_CASE("keeper_replaces_one_an_hour: a fault that is not the host's does not go through all of them") {
  noticed("keeper_replaces_one_an_hour", [] {
    Leader leader;
    leader.lives = false;
    const auto first = leader.after(70s);
    if (!first) return false;
    leader.done(*first);
    leader.view.voters.voters = {a, b, d};
    const bool rests = !leader.after(90s) && !leader.after(57 * 60s);
    return rests && leader.after(120s).has_value();
  });
}

TEST_CASE("an earlier leader's replacement counts, and what an operator took away is not given back") {
  Leader leader;
  leader.lives = false;
  leader.view.replaced = leader.now;
  CHECK_FALSE(leader.after(59 * 60s));
  CHECK(leader.after(120s));
  Leader few;
  few.view.voters = {{a, b}, {c}};
  few.view.candidates = {c, d};
  few.keeper.ordered(few.now, {VoterVerb::demote, c, {}, "root"});
  auto order = few.after(70s);
  REQUIRE(order);
  CHECK(order->node == d);
  few.keeper.ordered(few.now, {VoterVerb::promote, c, {}, "root"});
  few.keeper.reset();
  order = few.after(70s);
  REQUIRE(order);
  CHECK(order->node == c);
}

TEST_CASE("keeper_pauses: while the operator works on hosts nothing is done") {
  noticed("keeper_pauses", [] {
    Leader leader;
    leader.lives = false;
    leader.view.paused = true;
    const bool paused = !leader.after(300s);
    leader.view.paused = false;
    return paused && leader.after(1s).has_value();
  });
}

TEST_CASE("a host that does not catch up is given up for another one") {
  Leader leader;
  leader.lives = false;
  REQUIRE(leader.after(70s)->other == d);
  const auto other = leader.after(VoterKeeper::order_patience + 2s);
  REQUIRE(other);
  CHECK(other->other == e);
}

TEST_CASE("an order that is refused is thought over") {
  Leader leader;
  leader.lives = false;
  const auto order = leader.after(70s);
  REQUIRE(order);
  leader.lives = true;  // it is back
  VoterAnswer refused;
  refused.refusal = VoterRefusal::no_majority;
  leader.keeper.answered(*order, refused);
  CHECK_FALSE(leader.after(30s));
}

TEST_CASE("a voter that is heard again before it was replaced stays") {
  noticed("keeper_looks_again", [] {
    Leader leader;
    leader.lives = false;
    if (!leader.after(65s)) return false;
    leader.lives = true;
    return !leader.after(3s);
  });
}

TEST_CASE("a leader that hears nobody knows nothing of them") {
  noticed("keeper_hears_a_majority", [] {
    Leader leader;
    bool orders = false;
    for (const Instant end = leader.now + 200s; leader.now < end; leader.now += 1s)
      orders |= leader.keeper.next(leader.now, leader.view).has_value();
    return !orders;
  });
}

TEST_CASE("a leader that was suspended counts anew, and nobody is silent between two answers") {
  noticed("keeper_counts_anew_after_a_gap", [] {
    Leader leader;
    (void)leader.after(10s);
    leader.lives = false;
    leader.now += 300s;
    return !leader.after(2s);
  });
  Leader slow;
  slow.view.policy.after = 1s;
  slow.view.least_after = 9s;
  slow.lives = false;
  CHECK_FALSE(slow.after(8s));
  CHECK(slow.after(8s));
}

TEST_CASE("an order that the policy does not ask for any more is dropped") {
  Leader leader;
  leader.view.policy.count = 5;
  REQUIRE(leader.after(70s));
  leader.view.policy.count = 3;
  CHECK_FALSE(leader.after(2s));
}
