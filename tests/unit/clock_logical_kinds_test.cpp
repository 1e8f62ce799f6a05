// SPDX-License-Identifier: MIT
// The four clocks, by the diagrams of the literature.
#include <catch2/catch.hpp>

#include "clock/hybrid_clock.hpp"
#include "clock/lamport_clock.hpp"
#include "clock/matrix_clock.hpp"
#include "clock/vector_clock.hpp"

using namespace coord;
using namespace coord::clock;
using namespace std::chrono_literals;
using Counts = VectorClock::Counts;

namespace {

WallTime at_ms(std::int64_t ms) {
  return {ms * 1'000'000};
}

std::string why(const Status& status) {
  return status ? "" : status.error().text();
}

}  // namespace

TEST_CASE("Lamport: a receive is one event, beyond both clocks") {
  // P1: a, send m1. P2: b, receive m1, send m2. P3: receives m2, sends m3. P1: receives m3.
  LamportClock p1, p2, p3;
  CHECK(p1.tick());  // a
  CHECK(p1.tick());  // send m1
  CHECK(p1.count == 2);
  const LamportClock m1 = p1;
  CHECK(p2.tick());  // b
  CHECK(p2.receive(m1));
  CHECK(p2.count == 3);
  CHECK(p2.tick());  // send m2
  const LamportClock m2 = p2;
  CHECK(m2.count == 4);
  CHECK(p3.receive(m2));
  CHECK(p3.count == 5);
  CHECK(p3.tick());  // send m3: an event of its own, so not 5 again
  CHECK(p1.receive(p3));
  CHECK(p1.count == 7);
}

TEST_CASE("Lamport: stamps exclude one direction and prove nothing else") {
  CHECK(compare(LamportClock{1}, "a", LamportClock{2}, "b") == Relation::before_or_concurrent);
  CHECK(compare(LamportClock{2}, "a", LamportClock{1}, "b") == Relation::after_or_concurrent);
  CHECK(compare(LamportClock{2}, "a", LamportClock{2}, "b") == Relation::concurrent);
  CHECK(compare(LamportClock{2}, "a", LamportClock{2}, "a") == Relation::equal);
}

TEST_CASE("Lamport: a counter never passes what JSON holds exactly") {
  LamportClock clock{largest_counter - 1};
  CHECK(clock.tick());
  CHECK_FALSE(clock.tick());
  CHECK(clock.count == largest_counter);
  LamportClock fresh;
  CHECK_FALSE(fresh.receive({largest_counter}));
  CHECK(fresh.count == 0);
}

TEST_CASE("vector: the three-process diagram") {
  // P3 g, h (send m1); P2 d (receive m1), e (send m2), f; P1 a, b, c (receive m2).
  VectorClock p1, p2, p3;
  CHECK(p3.tick("P3"));
  const auto g = p3;
  CHECK(p3.tick("P3"));
  const auto h = p3;
  CHECK(p2.receive("P2", h));
  const auto d = p2;
  CHECK(p2.tick("P2"));
  const auto e = p2;
  CHECK(p2.tick("P2"));
  const auto f = p2;
  CHECK(p1.tick("P1"));
  const auto a = p1;
  CHECK(p1.tick("P1"));
  const auto b = p1;
  CHECK(p1.receive("P1", e));
  const auto c = p1;

  CHECK(h == VectorClock(Counts{{"P3", 2}}));
  CHECK(d == VectorClock(Counts{{"P2", 1}, {"P3", 2}}));
  CHECK(e == VectorClock(Counts{{"P2", 2}, {"P3", 2}}));
  CHECK(f == VectorClock(Counts{{"P2", 3}, {"P3", 2}}));
  CHECK(c == VectorClock(Counts{{"P1", 3}, {"P2", 2}, {"P3", 2}}));

  CHECK(compare(g, c) == Relation::before);
  CHECK(compare(c, g) == Relation::after);
  CHECK(compare(a, d) == Relation::concurrent);
  CHECK(compare(b, f) == Relation::concurrent);
  CHECK(compare(c, f) == Relation::concurrent);
  CHECK(compare(e, e) == Relation::equal);
}

TEST_CASE("vector: an absent entry is zero") {
  CHECK(compare(VectorClock(Counts{{"a", 1}, {"b", 0}}), VectorClock(Counts{{"a", 1}})) == Relation::equal);
  CHECK(compare(VectorClock(), VectorClock(Counts{{"a", 1}})) == Relation::before);
}

TEST_CASE("vector: a message from this host's own future betrays a lost state") {
  VectorClock clock(Counts{{"a", 3}});
  CHECK(why(clock.receive("a", VectorClock(Counts{{"a", 5}, {"b", 1}}))) ==
        "a: the message knows 5 events of this host, its clock only 3: the clock's state was lost: restore "
        "it, or go on under "
        "another host name");
  CHECK(clock == VectorClock(Counts{{"a", 3}}));
}

TEST_CASE("matrix: an event may go once every host is known to know it") {
  const std::vector<std::string> group{"a", "b", "c"};
  MatrixClock a, b, c;
  CHECK(a.tick("a"));  // a=1, sent to b and c
  CHECK(b.receive("b", "a", a));
  CHECK(c.receive("c", "a", a));
  CHECK(a.discardable("a", group) == 0);  // a has not heard that they know
  CHECK(b.tick("b"));
  CHECK(a.receive("a", "b", b));
  CHECK(a.discardable("a", group) == 0);  // b knows, c may not
  CHECK(c.tick("c"));
  CHECK(b.receive("b", "c", c));  // through b as well as directly
  CHECK(b.discardable("a", group) == 1);
  CHECK(b.tick("b"));
  CHECK(a.receive("a", "b", b));
  CHECK(a.discardable("a", group) == 1);
  CHECK(a.discardable("b", group) == 0);
  CHECK(a.discardable("a", {"a", "b", "c", "d"}) == 0);  // d has never been heard of
  CHECK(a.row("a") == VectorClock(Counts{{"a", 3}, {"b", 4}, {"c", 2}}));
}

TEST_CASE("hybrid: figure 6 of the paper, a wall clock that lags behind the messages") {
  HybridClock fast, slow;
  const auto sent = fast.tick(at_ms(10));
  CHECK(sent->wall_ms() == 10);
  CHECK(sent->counter() == 0);
  auto received = slow.receive(*sent, at_ms(1), 1s);
  CHECK(received->wall_ms() == 10);
  CHECK(received->counter() == 1);
  received = slow.tick(at_ms(2));
  CHECK(received->counter() == 2);
  // Equal wall parts: the larger counter wins.
  CHECK(fast.tick(at_ms(10))->counter() == 1);
  CHECK(fast.receive(*received, at_ms(10), 1s)->counter() == 3);
  // Real time has caught up.
  CHECK(slow.tick(at_ms(11)).value() == HybridTime::of(11, 0));
}

TEST_CASE("hybrid: never goes back, whatever the wall clock does") {
  HybridClock clock;
  HybridTime last;
  for (const std::int64_t ms : {1000, 1001, 500, 0, -5, 1001, 1002}) {
    const auto next = clock.tick(at_ms(ms));
    REQUIRE(next);
    CHECK(last < *next);
    last = *next;
  }
  HybridClock restarted(last);
  CHECK(last < *restarted.tick(at_ms(3)));
}

TEST_CASE("hybrid: a wild remote clock is refused and leaves no trace") {
  HybridClock clock;
  CHECK(clock.tick(at_ms(1000)));
  const auto refused = clock.receive(HybridTime::of(61'001, 0), at_ms(1000), 60s);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text() ==
        "1970-01-01T00:01:01.001Z.0000: the sender's clock is 60001 ms ahead of this host's: set the clocks, "
        "or allow it with "
        "--max-offset");
  CHECK(clock.last() == HybridTime::of(1000, 0));
  CHECK(clock.receive(HybridTime::of(61'000, 0), at_ms(1000), 60s));
}

TEST_CASE("hybrid: more events in a millisecond than the counter holds borrow the next one") {
  HybridClock clock(HybridTime::of(1000, 0xffff));
  CHECK(*clock.tick(at_ms(1000)) == HybridTime::of(1001, 0));
  CHECK(*clock.receive(HybridTime::of(1001, 0xffff), at_ms(1000), 1s) == HybridTime::of(1002, 0));
}

TEST_CASE("hybrid: the text has a fixed width and sorts as the stamps do") {
  const HybridTime times[] = {HybridTime::of(0, 0),
                              HybridTime::of(0, 1),
                              HybridTime::of(0, 0x00ff),
                              HybridTime::of(0, 0xffff),
                              HybridTime::of(1, 0),
                              HybridTime::of(999, 3),
                              HybridTime::of(1000, 0),
                              HybridTime::of(1'795'310'835'123, 42),
                              HybridTime::of(9'223'372'036'854, 0xffff)};
  std::string previous;
  for (const auto time : times) {
    const std::string text = to_string(time);
    CHECK(text.size() == 29);
    CHECK(previous < text);
    REQUIRE(parse_hybrid_time(text));
    CHECK(*parse_hybrid_time(text) == time);
    previous = text;
  }
  CHECK(to_string(HybridTime::of(1'795'310'835'123, 42)) == "2026-11-22T01:27:15.123Z.002a");
  for (const char* text :
       {"", "2026-11-22T01:27:15.123Z", "2026-11-22T01:27:15.123Z.002A", "2026-11-22T01:27:15.1234Z.02a",
        "1969-11-22T01:27:15.123Z.002a", "2026-11-22T01:27:15.123Z-002a"}) {
    INFO(text);
    CHECK_FALSE(parse_hybrid_time(text));
  }
}
