// SPDX-License-Identifier: MIT
// Sealed datagrams: who learns whose life how, what opens and what does not.
#include <catch2/catch.hpp>

#include "net_datagram_attacks.hpp"

using namespace coord;
using namespace coord::net;
using namespace coord::net::test;

namespace {

std::string hex(ByteView bytes) {
  static const char* const digits = "0123456789abcdef";
  std::string out;
  for (const auto byte : bytes) {
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

}  // namespace

TEST_CASE("datagrams: every attack fails") {
  for (const auto& [rule, attack] : attacks()) {
    INFO(rule);
    const Verdict verdict = attack();
    CHECK(verdict.value_or("") == "");
  }
}

TEST_CASE("datagrams: one round trip tells an end whom it speaks to, one more datagram tells the other") {
  auto a = make_end("a");
  auto b = make_end("b");
  CHECK_FALSE(a.seal("b", text("too early")));
  const auto asked = a.tick(at_start);
  REQUIRE(asked.size() == 2);  // b and c
  const auto answer = b.receive(at_start, asked[0].bytes).outgoing;
  REQUIRE(answer.size() == 1);
  CHECK(answer[0].peer == "a");
  CHECK_FALSE(b.status("a").known);
  const auto last = a.receive(at_start + 30ms, answer[0].bytes).outgoing;
  CHECK(a.status("b").known);
  CHECK(a.status("b").rtt == Duration(30ms));
  REQUIRE(last.size() == 1);
  CHECK(b.receive(at_start + 30ms, last[0].bytes).outgoing.empty());
  CHECK(b.status("a").known);
  // No answer is larger than what it answers.
  CHECK(answer[0].bytes.size() == asked[0].bytes.size());
  CHECK(last[0].bytes.size() == asked[0].bytes.size());
  const auto got = b.receive(at_start, *a.seal("b", text("beat"))).received;
  REQUIRE(got);
  CHECK(got->peer == "a");
  CHECK(got->payload == text("beat"));
  CHECK(opens(a, *b.seal("a", text(""))));
  CHECK(b.status("a").received == 1);
  CHECK(a.status("b").sent == 1);
  CHECK(a.status("b").unanswered == 0);
}

TEST_CASE("datagrams: who does not answer is asked less and less often, who has answered now and then") {
  auto a = make_end("a");
  Instant now = at_start;
  std::vector<Duration> gaps;
  for (int i = 0; i < 8; ++i) {
    CHECK(a.tick(now).size() == 2);
    gaps.push_back(*a.deadline() - now);
    now = *a.deadline();
  }
  CHECK(gaps == std::vector<Duration>{100ms, 200ms, 400ms, 800ms, 1600ms, 2s, 2s, 2s});
  CHECK(a.status("b").unanswered == 8);
  a.hurry("b");
  CHECK(*a.deadline() < now);
  auto b = make_end("b");
  meet(now, a, "a", b, "b");
  CHECK(a.status("b").answered == now);
  CHECK(*a.deadline() == now + 2s);  // c
  while (*a.deadline() < now + 5s) a.tick(*a.deadline());
  CHECK(a.status("b").unanswered == 0);
  a.tick(now + 5s);
  CHECK(a.status("b").unanswered == 1);
}

TEST_CASE("datagrams: in any order within the window, each once") {
  auto a = make_end("a");
  auto b = make_end("b");
  meet(at_start, a, "a", b, "b");
  std::vector<Bytes> all;
  for (std::size_t i = 0; i < ReplayWindow::size + 1; ++i) all.push_back(*a.seal("b", text("beat")));
  CHECK(opens(b, all.back()));
  CHECK_FALSE(opens(b, all[0]));  // one too old
  CHECK(opens(b, all[1]));        // the oldest that is within
  for (std::size_t i = all.size() - 1; i-- > 2;) REQUIRE(opens(b, all[i]));
  for (const Bytes& datagram : all) REQUIRE_FALSE(opens(b, datagram));
  CHECK(b.status("a").refused == all.size() + 1);
  CHECK_FALSE(ReplayWindow().accept(0));
}

TEST_CASE("datagrams: another pair's, another group's and another key's do not open") {
  auto a = make_end("a");
  auto b = make_end("b");
  auto c = make_end("c");
  meet(at_start, a, "a", b, "b");
  meet(at_start, a, "a", c, "c");
  meet(at_start, b, "b", c, "c");
  const Bytes to_b = *a.seal("b", text("beat"));
  CHECK_FALSE(opens(c, to_b));
  CHECK(c.foreign() == 1);
  CHECK(opens(b, to_b));

  EndOptions other;
  other.group = 8;
  auto stranger = make_end("b", other);
  CHECK(meet(at_start, a, "a", stranger, "b").empty());
  CHECK(meet(at_start + 1min, a, "a", stranger, "b").size() == 1);
  CHECK(stranger.foreign() == 1);
  CHECK_FALSE(stranger.status("a").known);
  other = {};
  other.keys = {{"k1", 2}};
  stranger = make_end("b", other);
  CHECK(meet(at_start + 2min, a, "a", stranger, "b").size() == 1);
  CHECK_FALSE(stranger.status("a").known);
}

TEST_CASE("datagrams: every bit counts, and nothing shorter or longer is taken") {
  auto a = make_end("a");
  auto b = make_end("b");
  meet(at_start, a, "a", b, "b");
  const Bytes sealed = *a.seal("b", text("beat"));
  for (std::size_t size = 0; size < sealed.size(); ++size)
    REQUIRE_FALSE(opens(b, Bytes(sealed.begin(), sealed.begin() + static_cast<std::ptrdiff_t>(size))));
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes damaged = sealed;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << (bit % 8)));
    REQUIRE_FALSE(opens(b, damaged));
  }
  Bytes longer = sealed;
  longer.push_back(0);
  CHECK_FALSE(opens(b, longer));
  CHECK_FALSE(opens(b, Bytes(65507, 0)));
  longer.resize(65507);
  CHECK_FALSE(opens(b, longer));
  CHECK(opens(b, sealed));
  const Bytes largest = *a.seal("b", Bytes(sealed_payload_limit, 1));
  CHECK(largest.size() == largest_datagram);
  CHECK(opens(b, largest));
}

TEST_CASE("datagrams: a flood of recorded challenges gets few answers and keeps nobody from being learnt") {
  auto a = make_end("a");
  auto b = make_end("b");
  const Bytes recorded = a.tick(at_start).front().bytes;
  EndOptions again;
  again.seed = 2;
  a = make_end("a", again);
  std::size_t answers = 0;
  Instant now = at_start;
  for (int i = 0; i < 100'000; ++i) {  // over ten seconds
    now += 100us;
    answers += b.receive(now, recorded).outgoing.size();
    CHECK_FALSE(b.status("a").known);
  }
  CHECK(answers >= 200);
  CHECK(answers <= 20 + 10s / DatagramTimes{}.answer_every + 1);
  // b's own challenge is answered, and that answer is no recording: it is answered in
  // turn, whatever the flood.
  exchange(now, b, "b", a, "a", b.tick(now));
  CHECK(b.status("a").known);
  CHECK(a.status("b").known);
  CHECK(opens(b, *a.seal("b", text("beat")), now));
}

TEST_CASE("datagrams: keys rotate without a stop") {
  EndOptions both;
  both.keys = {{"k1", 1}, {"k2", 2}};
  auto a = make_end("a");
  auto b = make_end("b");
  meet(at_start, a, "a", b, "b");
  const Bytes before = *a.seal("b", text("beat"));
  CHECK(opens(b, before));
  b.set_keys(ring_of(both.keys));
  CHECK_FALSE(opens(b, before));  // the window goes on
  CHECK(opens(b, *a.seal("b", text("beat"))));
  a.set_keys(ring_of({{"k2", 2}, {"k1", 1}}));
  CHECK(opens(b, *a.seal("b", text("beat"))));
  CHECK(opens(a, *b.seal("a", text("beat"))));
  b.set_keys(ring_of({{"k2", 2}, {"k1", 1}}));
  a.set_keys(ring_of({{"k2", 2}}));
  CHECK(opens(a, *b.seal("a", text("beat"))));
  meet(at_start + 1min, b, "b", a, "a");
  CHECK(b.status("a").answered == at_start + 1min);
  b.set_keys(ring_of({{"k1", 1}}));
  CHECK_FALSE(opens(a, *b.seal("a", text("beat"))));
  CHECK(a.foreign() == 1);
}

TEST_CASE("datagrams: each route has a key and a tag of its own") {
  const SecretKey cluster(Bytes(key_size, 1));
  wire::GroupDigest one{};
  wire::GroupDigest two{};
  two.back() = 1;
  const std::vector<DatagramRoute> routes = {
      {"k1", "a", "b", one},  {"k1", "b", "a", one},  {"k2", "a", "b", one}, {"k1", "a", "c", one},
      {"k1", "ab", "c", one}, {"k1", "a", "bc", one}, {"k1", "a", "b", two}};
  std::set<DatagramTag> tags;
  std::set<std::string> secrets;
  for (const auto& route : routes) {
    const DatagramKeys keys = derive_datagram_keys(cluster, route);
    tags.insert(keys.tag);
    secrets.insert(hex({keys.root.data(), key_size}));
    secrets.insert(hex({keys.challenge.data(), key_size}));
  }
  CHECK(tags.size() == routes.size());
  CHECK(secrets.size() == 2 * routes.size());
}

TEST_CASE("datagrams: golden bytes") {
  const SecretKey cluster(Bytes(key_size, 1));
  const DatagramKeys keys = derive_datagram_keys(cluster, {"k1", "a", "b", {}});
  Challenge challenge;
  challenge.life.fill(0x11);
  challenge.nonce.fill(0x22);
  challenge.echo.fill(0x33);
  CHECK(hex(make_challenge(keys, challenge)) ==
        "4447010278f71fd4747560461111111111111111111111111111111122222222222222222222222222222222333333333333"
        "3333"
        "33333333333333336d644d6c1d8f2c0bf0ea2e826bd44f22");
  LifeId other{};
  other.fill(0x44);
  const SecretKey sealing = derive_sealing_key(keys.root, challenge.life, other);
  CHECK(hex(seal_datagram(keys.tag, sealing, 258, bytes_of("beat"))) ==
        "4447010178f71fd474756046020100000000000026322a84715eec55b5669bd3b26ce719ded34a3a");
}
