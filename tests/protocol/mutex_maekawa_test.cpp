// SPDX-License-Identifier: MIT
// Maekawa 1985 and Sanders 1987: quorums, the six messages, and the schedules that need each rule.
#include <algorithm>
#include <iterator>

#include "mutex_desk.hpp"
#include "protocol/mutex/maekawa.hpp"
#include "protocol/mutex/quorums.hpp"

using namespace mutex_desk;
using mutex::Maekawa;
using mutex::maekawa::Message;
using mutex::maekawa::What;

namespace {

Maekawa site(NodeId self, std::size_t count = 3) {
  const auto all = members(self, count);
  return Maekawa({all, mutex::quorum_of(all.sites, *mutex::rank_of(all, self))});
}

bool says(const Maekawa::Actions& actions, NodeId to, What what, std::uint64_t time) {
  return std::ranges::any_of(sends<Maekawa>(actions), [&](const Maekawa::Send& send) {
    return send.to == to && send.message.what == what && send.message.time == time;
  });
}

}  // namespace

TEST_CASE("quorums: any two meet, each contains its site, and planes meet in exactly one") {
  for (std::size_t n = 1; n <= 64; ++n) {
    const auto sites = members(one, n).sites;
    for (const auto kind : {mutex::QuorumKind::best, mutex::QuorumKind::grid}) {
      std::vector<std::vector<NodeId>> quorums;
      for (std::size_t rank = 0; rank < n; ++rank) quorums.push_back(mutex::quorum_of(sites, rank, kind));
      for (std::size_t a = 0; a < n; ++a) {
        REQUIRE(std::ranges::binary_search(quorums[a], sites[a]));
        for (std::size_t b = 0; b < a; ++b) {
          std::vector<NodeId> common;
          std::ranges::set_intersection(quorums[a], quorums[b], std::back_inserter(common));
          REQUIRE_FALSE(common.empty());
          if (mutex::has_plane(n) && kind == mutex::QuorumKind::best) REQUIRE(common.size() == 1);
        }
      }
    }
  }
}

TEST_CASE("quorums: a 3 x 3 grid has 5 members, the plane of 13 has 4") {
  CHECK(mutex::quorum_of(members(one, 9).sites, 4) ==
        std::vector<NodeId>{NodeId{2}, NodeId{4}, NodeId{5}, NodeId{6}, NodeId{8}});
  CHECK(mutex::quorum_of(members(one, 13).sites, 0).size() == 4);
}

TEST_CASE("maekawa: one alone: request, locked, release") {
  CHECK(trace_of("maekawa", 3, {ask(one, 0ms)}) ==
        "[    0] 1 - wants in\n"
        "[   10] 1 > 2 request 1\n"
        "[   20] 2 > 1 locked 1\n"
        "[   20] 1 - is inside with token 1\n"
        "[   50] 1 - leaves\n"
        "[   60] 1 > 2 release 1\n");
}

TEST_CASE("maekawa: three who each hold what the next one needs do not wait for ever") {
  CHECK(trace_of("maekawa", 3, {ask(one, 0ms), ask(two, 0ms), ask(three, 0ms)}) ==
        "[    0] 1 - wants in\n"
        "[    0] 2 - wants in\n"
        "[    0] 3 - wants in\n"
        "[   10] 1 > 2 request 1\n"
        "[   10] 2 > 3 request 1\n"
        "[   10] 3 > 1 request 1\n"
        "[   20] 1 > 3 failed 1\n"
        "[   30] 3 > 2 locked 1\n"  // for 3 has yielded the lock that it had of itself
        "[   30] 2 - is inside with token 1\n"
        "[   60] 2 - leaves\n"
        "[   70] 2 > 3 release 1\n"
        "[   70] 2 > 1 locked 1\n"
        "[   70] 1 - is inside with token 2\n"
        "[  100] 1 - leaves\n"
        "[  110] 1 > 2 release 1\n"
        "[  110] 1 > 3 locked 1\n"
        "[  110] 3 - is inside with token 3\n"
        "[  140] 3 - leaves\n"
        "[  150] 3 > 1 release 1\n");
}

TEST_CASE("maekawa: a locked arbiter holds up only those who have asked it, and who is inside all") {
  auto arbiter = site(two, 4);
  CHECK_FALSE(arbiter.holds_up(one));
  static_cast<void>(hear(arbiter, four, {What::request, 0, 5, 0}));
  CHECK_FALSE(arbiter.holds_up(four));
  CHECK_FALSE(arbiter.holds_up(one));  // it has not asked here
  static_cast<void>(hear(arbiter, one, {What::request, 0, 6, 0}));
  CHECK(arbiter.holds_up(one));
  CHECK_FALSE(arbiter.holds_up(three));
  static_cast<void>(hear(arbiter, four, {What::release, 0, 5, 1}));
  CHECK_FALSE(arbiter.holds_up(one));  // it is locked for that
  auto inside = site(one, 1);
  CHECK(granted(acquire(inside)).has_value());
  CHECK(inside.holds_up(two));
}

TEST_CASE(
    "maekawa: an arbiter asks for its lock back when an earlier request comes, and gives it to that one") {
  auto arbiter = site(one, 4);
  CHECK(says(hear(arbiter, four, {What::request, 0, 9, 0}), four, What::locked, 9));
  CHECK(says(hear(arbiter, three, {What::request, 0, 5, 0}), four, What::inquire, 9));
  CHECK(says(hear(arbiter, four, {What::yield, 0, 9, 0}), three, What::locked, 5));
  CHECK(says(hear(arbiter, three, {What::release, 0, 5, 7}), four, What::locked, 9));
}

TEST_CASE("maekawa: Sanders: the queue's head is told when an earlier request overtakes it") {
  auto arbiter = site(one, 4);
  static_cast<void>(hear(arbiter, four, {What::request, 0, 9, 0}));
  static_cast<void>(hear(arbiter, three, {What::request, 0, 5, 0}));  // the head: it may still come first
  const auto actions = hear(arbiter, two, {What::request, 0, 3, 0});
  CHECK(says(actions, three, What::failed, 5));
  CHECK(sends<Maekawa>(actions).size() == 1);  // the lock has been asked for already
}

TEST_CASE("maekawa: a question that cannot be decided is kept, the own yield is a failure for the next one") {
  auto asker = site(two, 4);  // its quorum: 1, 2, 4
  static_cast<void>(acquire(asker));
  static_cast<void>(hear(asker, one, {What::locked, 0, 1, 0}));
  CHECK(hear(asker, one, {What::inquire, 0, 1, 0}).empty());  // it may still get the lock of 4
  CHECK(says(hear(asker, four, {What::failed, 0, 1, 0}), one, What::yield, 1));
  static_cast<void>(hear(asker, four, {What::locked, 0, 1, 0}));
  CHECK(says(hear(asker, four, {What::inquire, 0, 1, 0}), four, What::yield, 1));  // for it lacks that of 1
  CHECK(asker.missing() == std::set<NodeId>{one, four});
}

TEST_CASE("maekawa: the token is above all that the quorum has heard of") {
  auto asker = site(one, 4);  // 1, 2, 3
  static_cast<void>(acquire(asker));
  static_cast<void>(hear(asker, two, {What::locked, 0, 1, 41}));
  CHECK(granted(hear(asker, three, {What::locked, 0, 1, 7})) == mutex::CountedToken::of(0, 42));
}

TEST_CASE("maekawa: answers about a request that was withdrawn are not heard") {
  auto asker = site(one, 4);
  static_cast<void>(acquire(asker));
  static_cast<void>(release(asker));
  static_cast<void>(acquire(asker));
  static_cast<void>(hear(asker, two, {What::locked, 0, 1, 0}));
  CHECK_FALSE(granted(hear(asker, three, {What::locked, 0, 1, 0})));
  CHECK(asker.missing() == std::set<NodeId>{two, three});
}
