// SPDX-License-Identifier: MIT
// Redlock: the steps of "Distributed locks with Redis" (2014), and from when on a majority's word counts.
#include <algorithm>

#include "base/rule.hpp"
#include "mutex_desk.hpp"
#include "protocol/mutex/redlock.hpp"

using namespace mutex_desk;
using mutex::Redlock;
using mutex::redlock::Answer;
using mutex::redlock::Drop;
using mutex::redlock::Set;

namespace {

constexpr Duration ttl = 1000ms;
const Instant began{1h};

// 1 to 3 are the stores, 4 wants it.
Redlock client() {
  return Redlock({four, {one, two, three}, ttl, 100ms, 7, 0});
}
Redlock store(NodeId self) {
  return Redlock({self, {one, two, three}, ttl, 100ms, 7, 0});
}
Answer answer(const Redlock& site, Instant asked, bool kept) {
  return {site.attempt(), asked.time_since_epoch().count(), kept};
}
bool is_in(const Redlock& site) {
  return site.phase() == mutex::Phase::inside;
}
bool keeps(const Redlock::Actions& actions) {
  const auto sent = sends<Redlock>(actions);
  REQUIRE(sent.size() == 1);
  return std::get<Answer>(sent[0].message).kept;
}

// Two stores say yes, late: how long after the asking it is over.
Duration lasts() {
  Redlock site = client();
  (void)acquire(site, began);
  (void)hear(site, one, answer(site, began, true), began + 200ms);
  (void)hear(site, two, answer(site, began, true), began + 240ms);
  REQUIRE(is_in(site));
  Instant now = began;
  while (is_in(site)) {
    now += 1ms;
    (void)site.step(now, Redlock::Tick{});
  }
  return now - began;
}

// It was not renewed: how much it still says to the stores.
std::size_t says_when_lost() {
  Redlock site = client();
  (void)acquire(site, began);
  (void)hear(site, one, answer(site, began, true), began + 5ms);
  (void)hear(site, two, answer(site, began, true), began + 5ms);
  (void)site.step(began + ttl / 4, Redlock::Tick{});
  const auto actions = site.step(began + ttl * 4 / 5, Redlock::Tick{});
  REQUIRE_FALSE(is_in(site));
  const auto later = release(site, began + ttl);
  return sends<Redlock>(actions).size() + sends<Redlock>(later).size();
}

}  // namespace

TEST_CASE("redlock: a majority that says yes in time, and no fewer") {
  Redlock site = client();
  CHECK(sends<Redlock>(acquire(site, began)).size() == 3);
  CHECK_FALSE(granted(hear(site, one, answer(site, began, true), began + 5ms)));
  CHECK_FALSE(is_in(site));
  CHECK(granted(hear(site, three, answer(site, began, true), began + 9ms)));
  CHECK(site.counts_from() == began);
  CHECK(sends<Redlock>(release(site, began + 20ms)).size() == 3);
}

TEST_CASE(
    "redlock: a majority that says no: what was set is dropped, and it tries again later, by another name") {
  Redlock site = client();
  (void)acquire(site, began);
  const std::uint64_t first = site.attempt();
  (void)hear(site, one, answer(site, began, true), began + 5ms);
  (void)hear(site, two, answer(site, began, false), began + 5ms);
  const auto dropped = sends<Redlock>(hear(site, three, answer(site, began, false), began + 6ms));
  REQUIRE(dropped.size() == 3);
  CHECK(std::get<Drop>(dropped[0].message).attempt == first);
  // A late yes is of an attempt that is over.
  CHECK_FALSE(granted(hear(site, two, answer(site, began, true), began + 7ms)));
  REQUIRE(site.deadline());
  CHECK(*site.deadline() > began + 6ms);
  CHECK(sends<Redlock>(site.step(*site.deadline(), Redlock::Tick{})).size() == 3);
  CHECK(site.attempt() == first + 1);
}

TEST_CASE("redlock: a store keeps one key, for its time, and drops it for its owner only") {
  Redlock site = store(one);
  CHECK(keeps(hear(site, four, Set{1, 0, false}, began)));
  CHECK_FALSE(keeps(hear(site, two, Set{1, 0, false}, began + 10ms)));
  CHECK(keeps(hear(site, four, Set{1, 0, true}, began + 500ms)));
  (void)hear(site, two, Drop{1}, began + 600ms);
  (void)hear(site, four, Drop{0}, began + 600ms);
  CHECK_FALSE(keeps(hear(site, two, Set{2, 0, false}, began + 1400ms)));
  CHECK(keeps(hear(site, two, Set{3, 0, false}, began + 1500ms)));
  // What is gone is not made longer.
  CHECK_FALSE(keeps(hear(site, four, Set{1, 0, true}, began + 1510ms)));
  (void)hear(site, two, Drop{3}, began + 1520ms);
  CHECK(keeps(hear(site, four, Set{2, 0, false}, began + 1530ms)));
}

TEST_CASE(
    "redlock: a renewal counts from its sending, and without a majority it ends before the stores let go") {
  Redlock site = client();
  (void)acquire(site, began);
  (void)hear(site, one, answer(site, began, true), began + 5ms);
  (void)hear(site, two, answer(site, began, true), began + 5ms);
  const Instant renewed = began + ttl / 4;
  CHECK(sends<Redlock>(site.step(renewed, Redlock::Tick{})).size() == 3);
  (void)hear(site, one, answer(site, renewed, true), renewed + 50ms);
  CHECK(site.counts_from() == began);
  (void)hear(site, three, answer(site, renewed, true), renewed + 60ms);
  CHECK(site.counts_from() == renewed);
  for (Instant now = renewed; is_in(site) && now < began + 5s; now += 10ms)
    (void)site.step(now, Redlock::Tick{});
  CHECK_FALSE(is_in(site));
}

TEST_CASE("redlock: rules") {
  CHECK(lasts() <= ttl * 4 / 5 + 1ms);
  CHECK(says_when_lost() == 0);
  mutants::removed = "redlock_lost_drops_nothing";
  CHECK(says_when_lost() > 0);
  mutants::removed.clear();
  const auto without = [](const char* rule) {
    mutants::removed = rule;
    const Duration lasted = lasts();
    mutants::removed.clear();
    return lasted;
  };
  CHECK(without("redlock_counts_from_sending") > ttl);
  CHECK(without("redlock_stops_before_the_stores") > ttl);
}
