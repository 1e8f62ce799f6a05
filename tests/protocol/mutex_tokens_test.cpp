// SPDX-License-Identifier: MIT
// Token ring (Le Lann 1977) and Suzuki-Kasami 1985.
#include "mutex_desk.hpp"
#include "protocol/mutex/suzuki_kasami.hpp"
#include "protocol/mutex/token_ring.hpp"

using namespace mutex_desk;
using mutex::CountedToken;
using mutex::SuzukiKasami;
using mutex::TokenRing;
using mutex::token_ring::Ask;
using mutex::token_ring::Census;
using mutex::token_ring::Pass;
using Privilege = mutex::suzuki_kasami::Privilege;
using Request = mutex::suzuki_kasami::Request;

namespace {

const TokenRing::Tick tick{};

TokenRing ring(NodeId self, Duration lost_after = 100ms) {
  return TokenRing({members(self), 5ms, lost_after});
}

// Without the token, and past its time-out: it has sent a census.
TokenRing worried(NodeId self) {
  TokenRing site = ring(self);
  static_cast<void>(site.step(Instant{}, tick));
  const auto census = sends<TokenRing>(site.step(*site.deadline(), tick));
  REQUIRE(census.size() == 1);
  REQUIRE(std::get<Census>(census[0].message).generation == mutex::token_ring::Generation{1, self});
  return site;
}

}  // namespace

TEST_CASE("token ring: the first has the token, rests, and passes it on") {
  TokenRing first = ring(one);
  CHECK(first.step(Instant{}, tick).empty());
  CHECK(first.deadline() == Instant{} + 5ms);
  const auto passed = sends<TokenRing>(first.step(Instant{} + 5ms, tick));
  REQUIRE(passed.size() == 1);
  CHECK(passed[0].to == two);
  CHECK_FALSE(first.has_token());
}

TEST_CASE("token ring: who wants keeps the token until he leaves, a copy of it is not a second one") {
  TokenRing site = ring(two);
  static_cast<void>(acquire(site));
  CHECK(granted(hear(site, one, Pass{0, {}, 1, 6})) == CountedToken::of(0, 7));
  CHECK(sends<TokenRing>(release(site)).size() == 1);
  static_cast<void>(acquire(site));
  CHECK_FALSE(granted(hear(site, one, Pass{0, {}, 1, 6})));
  CHECK(granted(hear(site, one, Pass{0, {}, 4, 8})) == CountedToken::of(0, 9));
}

TEST_CASE("token ring: a census that comes back makes a token that goes on counting, the old one is void") {
  TokenRing site = worried(three);
  static_cast<void>(acquire(site));
  CHECK_FALSE(granted(hear(site, two, Pass{0, {}, 2, 30})));  // the promise holds for the initiator too
  CHECK(granted(hear(site, two, Census{0, {1, three}, 40})) == CountedToken::of(0, 41));
  CHECK_FALSE(granted(hear(site, two, Census{0, {1, three}, 40})));
}

TEST_CASE("token ring: who has promised takes no older token, and adds what it knows") {
  TokenRing site = ring(two);
  static_cast<void>(acquire(site));
  REQUIRE(granted(hear(site, one, Pass{0, {}, 1, 6})));
  static_cast<void>(release(site));
  const auto forwarded = sends<TokenRing>(hear(site, one, Census{0, {1, three}, 0}));
  REQUIRE(forwarded.size() == 1);
  CHECK(std::get<Census>(forwarded[0].message).entries == 7);
  static_cast<void>(acquire(site));
  CHECK_FALSE(granted(hear(site, one, Pass{0, {}, 4, 8})));
  CHECK(granted(hear(site, one, Pass{0, {1, three}, 2, 8})) == CountedToken::of(0, 9));
}

TEST_CASE("token ring: the holder swallows the census, and its token is valid where that was promised") {
  TokenRing holder = ring(two);
  static_cast<void>(acquire(holder));
  REQUIRE(granted(hear(holder, one, Pass{0, {}, 1, 0})));
  CHECK(hear(holder, one, Census{0, {4, one}, 0}).empty());
  const auto passed = sends<TokenRing>(release(holder));
  REQUIRE(passed.size() == 1);
  CHECK(std::get<Pass>(passed[0].message).generation == mutex::token_ring::Generation{4, one});
}

TEST_CASE("token ring: after two rounds for nobody the token sleeps, and who wants it knows where") {
  std::vector<TokenRing> sites;
  for (const NodeId self : {one, two, three}) sites.push_back(ring(self, 0ms));
  const auto at = [&](NodeId node) -> TokenRing& { return sites[node.value - 1]; };
  Instant now{};
  std::size_t hops = 0;
  // Until nothing is due any more.
  const auto run = [&] {
    for (NodeId holder = one; hops < 100;) {
      while (!at(holder).has_token()) holder = NodeId{holder.value % 3 + 1};
      const auto due = at(holder).deadline();
      if (!due) return holder;
      now = std::max(now, *due);
      const auto passed = sends<TokenRing>(at(holder).step(now, tick));
      REQUIRE(passed.size() == 1);
      ++hops;
      static_cast<void>(at(passed[0].to).step(now, TokenRing::Receive{holder, passed[0].message}));
    }
    FAIL("it never sleeps");
    return one;
  };
  for (TokenRing& site : sites) static_cast<void>(site.step(now, tick));
  CHECK(run() == one);  // where it began
  CHECK(hops == 6);
  for (const TokenRing& site : sites) CHECK_FALSE(site.deadline());
  for (const NodeId who : {three, two, three}) {
    hops = 0;
    const auto asks = sends<TokenRing>(acquire(at(who), now));
    REQUIRE(asks.size() == 1);
    CHECK(std::holds_alternative<Ask>(asks[0].message));
    REQUIRE(at(asks[0].to).has_token());
    CHECK(hear(at(asks[0].to), who, asks[0].message, now).empty());
    while (at(who).phase() != mutex::Phase::inside) {
      const NodeId holder = at(one).has_token() ? one : at(two).has_token() ? two : three;
      const auto passed = sends<TokenRing>(at(holder).step(std::max(now, *at(holder).deadline()), tick));
      REQUIRE(passed.size() == 1);
      ++hops;
      static_cast<void>(hear(at(passed[0].to), holder, passed[0].message, now));
    }
    CHECK(1 + hops <= 3);  // at most N, the question among them
    const auto on = sends<TokenRing>(release(at(who), now));
    REQUIRE(on.size() == 1);
    static_cast<void>(hear(at(on[0].to), who, on[0].message, now));
    hops = 1;
    run();
    CHECK(hops == 6);
  }
}

TEST_CASE(
    "token ring: who asks for a token that is still on its way to where it will sleep is not forgotten") {
  TokenRing site = ring(two, 0ms);
  static_cast<void>(site.step(Instant{}, tick));
  CHECK(hear(site, three, Ask{0}).empty());
  CHECK(hear(site, one, Pass{0, {}, 6, 1, 6}).empty());  // it would sleep here
  CHECK(site.deadline());
  const auto passed = sends<TokenRing>(site.step(*site.deadline(), tick));
  REQUIRE(passed.size() == 1);
  CHECK(std::get<Pass>(passed[0].message).idle == 1);
  CHECK(hear(site, one, Pass{0, {}, 9, 1, 6}).empty());
  CHECK_FALSE(site.deadline());
  CHECK(hear(site, one, Ask{7}).empty());  // of another epoch
  CHECK_FALSE(site.deadline());
}

TEST_CASE("token ring: of two censuses the higher goes on") {
  TokenRing site = worried(two);
  CHECK(hear(site, one, Census{0, {1, one}, 0}).empty());
  CHECK(sends<TokenRing>(hear(site, one, Census{0, {1, three}, 0})).size() == 1);
  CHECK(hear(site, one, Census{0, {1, two}, 0}).empty());  // its own, overtaken
}

TEST_CASE("suzuki-kasami: the holder needs nobody, others ask all, and the token carries who is next") {
  CHECK(trace_of("suzuki-kasami", 3, {ask(one, 0ms), ask(two, 1ms), ask(three, 2ms)}) ==
        "[    0] 1 - wants in\n"
        "[    0] 1 - is inside with token 1\n"
        "[    1] 2 - wants in\n"
        "[    2] 3 - wants in\n"
        "[   11] 2 > 1 request 1\n"
        "[   11] 2 > 3 request 1\n"
        "[   12] 3 > 1 request 1\n"
        "[   12] 3 > 2 request 1\n"
        "[   30] 1 - leaves\n"
        "[   40] 1 > 2 token after 1 entries, for 3 next\n"
        "[   40] 2 - is inside with token 2\n"
        "[   70] 2 - leaves\n"
        "[   80] 2 > 3 token after 2 entries, for nobody else\n"
        "[   80] 3 - is inside with token 3\n"
        "[  110] 3 - leaves\n");
}

TEST_CASE("suzuki-kasami: a request that was served before it arrives does not move the token") {
  SuzukiKasami site(members(two));
  static_cast<void>(acquire(site));
  REQUIRE(granted(hear(site, one, Privilege{0, 4, {{one, 0}, {two, 0}, {three, 1}}, {}})));
  CHECK(sends<SuzukiKasami>(hear(site, three, Request{0, 1})).empty());  // inside
  CHECK(sends<SuzukiKasami>(release(site)).empty());                     // LN[3] is 1 already
  CHECK(sends<SuzukiKasami>(hear(site, three, Request{0, 1})).empty());
  CHECK(sends<SuzukiKasami>(hear(site, three, Request{0, 2})).size() == 1);
  CHECK_FALSE(site.has_token());
}

TEST_CASE("suzuki-kasami: who withdrew passes the token on when it comes") {
  SuzukiKasami site(members(two));
  static_cast<void>(acquire(site));
  static_cast<void>(release(site));
  const auto passed =
      sends<SuzukiKasami>(hear(site, one, Privilege{0, 1, {{one, 1}, {two, 0}, {three, 0}}, {three}}));
  REQUIRE(passed.size() == 1);
  CHECK(passed[0].to == three);
}

TEST_CASE("suzuki-kasami: who withdrew one request and made another is served") {
  SuzukiKasami site(members(one));
  REQUIRE(granted(acquire(site)));
  static_cast<void>(hear(site, two, Request{0, 1}));
  static_cast<void>(hear(site, two, Request{0, 2}));  // the first was withdrawn, which nobody is told
  const auto passed = sends<SuzukiKasami>(release(site));
  REQUIRE(passed.size() == 1);
  CHECK(passed[0].to == two);
}
