// SPDX-License-Identifier: MIT
// Leadership by lease: the rules of leases (Gray and Cheriton, SOSP 1989) and of the line of ephemeral nodes
// (Hunt et al., "ZooKeeper", 2010, section 2.4, "Simple Locks" and "Simple Locks without Herd Effect").
#include <algorithm>

#include "mutex_desk.hpp"
#include "protocol/election/lease_race.hpp"

using namespace mutex_desk;
using election::LeaseRace;
using election::lease_race::Join;
using election::lease_race::Kept;
using election::lease_race::Leave;
using election::lease_race::Look;
using election::lease_race::Notice;

namespace {

constexpr Duration ttl = 1000ms;
const NodeId store = one;

LeaseRace site(NodeId self, bool herd = false) {
  return LeaseRace({self, store, ttl, herd});
}
Instant at(Duration time) {
  return Instant{} + time;
}
std::int64_t ns(Duration time) {
  return time.count();
}
// The one answer that the store gave.
Kept kept(const LeaseRace::Actions& actions) {
  const auto sent = sends<LeaseRace>(actions);
  REQUIRE(sent.size() == 1);
  return std::get<Kept>(sent[0].message);
}
std::vector<NodeId> noticed(const LeaseRace::Actions& actions) {
  std::vector<NodeId> all;
  for (const auto& send : sends<LeaseRace>(actions))
    if (std::holds_alternative<Notice>(send.message)) all.push_back(send.to);
  return all;
}
bool lost(const LeaseRace::Actions& actions) {
  return std::ranges::any_of(actions,
                             [](const auto& what) { return std::holds_alternative<election::Lost>(what); });
}
// A store at which 2 leads and 3 and 4 wait, all since 0 ms.
LeaseRace store_of_three(bool herd) {
  LeaseRace made = site(store, herd);
  CHECK(kept(hear(made, two, Join{1, 0})).token == 1);
  CHECK(kept(hear(made, three, Join{1, 0})).token == 0);
  CHECK(kept(hear(made, four, Join{1, 0})).token == 0);
  return made;
}

}  // namespace

// Gray and Cheriton, 3.1: the holder's effective term is the store's, less the way of the messages and what
// the clocks may differ by.
TEST_CASE("lease: the deadline counts from when what was answered was sent, at 0.8 of the lease") {
  LeaseRace node = site(two);
  CHECK(sends<LeaseRace>(acquire(node)).size() == 1);
  CHECK(granted(hear(node, store, Kept{1, 0, 7}, at(200ms))) == Token{7});  // sent at 0
  CHECK_FALSE(lost(node.step(at(799ms), LeaseRace::Tick{})));
  CHECK(lost(node.step(at(800ms), LeaseRace::Tick{})));
  CHECK(node.phase() == mutex::Phase::idle);
}

TEST_CASE("lease: it is renewed every quarter, and each answer moves the deadline by when it was asked for") {
  LeaseRace node = site(two);
  static_cast<void>(acquire(node));
  static_cast<void>(hear(node, store, Kept{1, 0, 7}, at(20ms)));
  CHECK(node.deadline() == at(250ms));
  CHECK(sends<LeaseRace>(node.step(at(250ms), LeaseRace::Tick{})).size() == 1);
  CHECK_FALSE(granted(hear(node, store, Kept{1, ns(250ms), 7}, at(700ms))));  // leads already
  CHECK_FALSE(lost(node.step(at(1049ms), LeaseRace::Tick{})));
  static_cast<void>(hear(node, store, Kept{1, ns(100ms), 7}, at(1049ms)));  // a late one takes nothing away
  CHECK(lost(node.step(at(1050ms), LeaseRace::Tick{})));
}

TEST_CASE("lease: an answer that comes when its lease is over makes nobody lead") {
  LeaseRace node = site(two);
  static_cast<void>(acquire(node));
  CHECK_FALSE(granted(hear(node, store, Kept{1, 0, 7}, at(800ms))));
  CHECK(node.phase() == mutex::Phase::waiting);
}

TEST_CASE("lease: an answer of an earlier attempt, or from anybody but the store, is not heard") {
  LeaseRace node = site(two);
  static_cast<void>(acquire(node));
  static_cast<void>(release(node));
  static_cast<void>(acquire(node));
  CHECK_FALSE(granted(hear(node, store, Kept{1, 0, 7}, at(10ms))));
  CHECK_FALSE(granted(hear(node, three, Kept{2, 0, 7}, at(10ms))));
  CHECK(granted(hear(node, store, Kept{2, 0, 8}, at(10ms))) == Token{8});
}

TEST_CASE("lease, the store: an entry lives for a lease after the store last heard of it, and no longer") {
  LeaseRace made = site(store);
  CHECK(kept(hear(made, two, Join{1, 0}, at(0ms))).token == 1);
  CHECK(kept(hear(made, two, Join{1, ns(600ms)}, at(620ms))).sent_ns == ns(600ms));  // comes back as it was
  CHECK(made.deadline() == at(1620ms));
  CHECK(kept(hear(made, three, Join{1, 0}, at(1619ms))).token == 0);
  CHECK(noticed(made.step(at(1620ms), LeaseRace::Tick{})) == std::vector{three});
  CHECK(kept(hear(made, three, Look{1, 0}, at(1630ms))).token == 2);
}

// "Simple Locks without Herd Effect": each watches the entry before its own.
TEST_CASE("without herd effect: the entries stand in line, and only the next is told") {
  LeaseRace made = store_of_three(false);
  CHECK(noticed(hear(made, two, Leave{1})) == std::vector{three});
  CHECK(kept(hear(made, four, Look{1, 0})).token == 0);  // not first
  CHECK(kept(hear(made, three, Look{1, 0})).token == 2);
}

// "Simple Locks": all watch the one entry.
TEST_CASE("with the herd: all are told, and whoever looks first leads") {
  LeaseRace made = store_of_three(true);
  CHECK(noticed(hear(made, two, Leave{1})) == std::vector{three, four});
  CHECK(kept(hear(made, four, Look{1, 0})).token == 2);
  CHECK(kept(hear(made, three, Look{1, 0})).token == 0);
}

TEST_CASE(
    "lease, the store: one who waits and goes is missed by nobody, one who comes again goes to the end") {
  LeaseRace made = store_of_three(false);
  CHECK(noticed(hear(made, three, Leave{1})).empty());
  CHECK(kept(hear(made, three, Join{2, 0})).attempt == 2);
  CHECK(hear(made, three, Leave{1}).empty());  // a late one, of the attempt before
  CHECK(noticed(hear(made, two, Leave{1})) == std::vector{four});
}

// What the first candidate led may be ending yet.
TEST_CASE(
    "lease, the store: an entry that led stands until it is left or runs out, also when its host comes "
    "again") {
  LeaseRace made = store_of_three(false);
  CHECK(kept(hear(made, two, Join{2, 0}, at(100ms))).token == 0);
  CHECK(kept(hear(made, three, Join{1, 0}, at(100ms))).token == 0);
  CHECK(hear(made, two, Join{1, 0}, at(500ms)).empty());  // nobody renews the first any more
  CHECK(kept(hear(made, three, Join{1, 0}, at(900ms))).token == 0);
  CHECK(noticed(made.step(at(1000ms), LeaseRace::Tick{})) == std::vector{three});
  CHECK(kept(hear(made, three, Look{1, 0}, at(1010ms))).token == 2);

  LeaseRace other = store_of_three(false);
  CHECK(kept(hear(other, two, Join{2, 0})).token == 0);
  CHECK(noticed(hear(other, two, Leave{1})) == std::vector{three});
}

TEST_CASE("lease: who was too late says nothing to the store, and counts its candidates over its lives") {
  LeaseRace node({two, store, ttl, false, 7});
  CHECK(std::get<Join>(sends<LeaseRace>(acquire(node)).at(0).message).attempt == 8);
  CHECK_FALSE(node.granted_until());
  static_cast<void>(hear(node, store, Kept{8, 0, 7}, at(20ms)));
  CHECK(node.granted_until() == at(800ms));
  static_cast<void>(node.step(at(250ms), LeaseRace::Tick{}));
  CHECK(node.granted_until() == at(800ms));  // asked, and not answered yet
  const auto late = node.step(at(800ms), LeaseRace::Tick{});
  CHECK(lost(late));
  CHECK(sends<LeaseRace>(late).empty());
}

// Gray and Cheriton, 5: an unreachable holder delays the others by one term at most,
// and never reads what is old.
TEST_CASE("lease: cut off from the store, the leader stops before another leads") {
  LeaseRace made = site(store), leader = site(two);
  const auto join = sends<LeaseRace>(acquire(leader, at(0ms)));
  const auto answer = kept(hear(made, two, join[0].message, at(100ms)));
  CHECK(granted(hear(leader, store, answer, at(200ms))));
  static_cast<void>(hear(made, three, Join{1, ns(150ms)}, at(160ms)));
  static_cast<void>(hear(made, three, Join{1, ns(900ms)}, at(910ms)));
  CHECK(lost(leader.step(at(800ms), LeaseRace::Tick{})));                          // by its own clock
  CHECK(noticed(made.step(at(1099ms), LeaseRace::Tick{})).empty());                // by the store's
  CHECK(noticed(made.step(at(1100ms), LeaseRace::Tick{})) == std::vector{three});  // 300 ms later
}
