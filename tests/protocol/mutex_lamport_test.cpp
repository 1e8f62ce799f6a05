// SPDX-License-Identifier: MIT
// Lamport 1978: the five rules of the algorithm.
#include "mutex_desk.hpp"
#include "protocol/mutex/lamport.hpp"

using namespace mutex_desk;
using mutex::Lamport;
using mutex::lamport::Acknowledge;
using mutex::lamport::Leave;
using mutex::lamport::Request;

TEST_CASE(
    "lamport: two ask at once, the earlier by (timestamp, site) goes first, its release lets the other in") {
  CHECK(trace_of("lamport", 3, {ask(one, 0ms), ask(three, 0ms)}) ==
        "[    0] 1 - wants in\n"
        "[    0] 3 - wants in\n"
        "[   10] 1 > 2 request 1\n"
        "[   10] 1 > 3 request 1\n"
        "[   10] 3 > 1 request 1\n"
        "[   10] 3 > 2 request 1\n"
        "[   20] 2 > 1 acknowledge 2\n"
        "[   20] 1 - is inside with token 3\n"  // (1, 3) of 3's own request is later than (1, 1)
        "[   20] 3 > 1 acknowledge 2\n"
        "[   20] 1 > 3 acknowledge 2\n"
        "[   20] 2 > 3 acknowledge 3\n"
        "[   50] 1 - leaves\n"
        "[   60] 1 > 2 release 3\n"
        "[   60] 1 > 3 release 3\n"
        "[   60] 3 - is inside with token 5\n"
        "[   90] 3 - leaves\n"
        "[  100] 3 > 1 release 4\n"
        "[  100] 3 > 2 release 4\n");
}

TEST_CASE("lamport, rule 5: first in the own queue is not enough without a later message from everyone") {
  Lamport site(members(one));
  CHECK(sends<Lamport>(acquire(site)).size() == 2);
  CHECK_FALSE(granted(hear(site, two, Acknowledge{0, 2})));
  CHECK(site.missing() == std::set<NodeId>{three});
  CHECK_FALSE(granted(hear(site, three, Acknowledge{0, 0})));  // not later
  CHECK(granted(hear(site, three, Request{0, 5})));            // a request is a later message as well
  CHECK(site.phase() == mutex::Phase::inside);
}

TEST_CASE("lamport: a later message from everyone is not enough while an earlier request is in the queue") {
  Lamport site(members(two));
  static_cast<void>(hear(site, one, Request{0, 1}));
  static_cast<void>(acquire(site));
  static_cast<void>(hear(site, three, Acknowledge{0, 9}));
  CHECK_FALSE(granted(hear(site, one, Acknowledge{0, 9})));
  CHECK(site.missing() == std::set<NodeId>{one});
  CHECK(granted(hear(site, one, Leave{0, 10})));
}

TEST_CASE("lamport: who withdraws lets the next in, and strangers and other epochs are not heard") {
  Lamport site(members(one));
  static_cast<void>(acquire(site));
  CHECK(hear(site, four, Acknowledge{0, 9}).empty());
  CHECK(hear(site, two, Acknowledge{1, 9}).empty());
  CHECK(hear(site, two, Acknowledge{0, ~std::uint64_t{0}}).empty());
  CHECK(sends<Lamport>(release(site)).size() == 2);
  CHECK(site.phase() == mutex::Phase::idle);
}
