// SPDX-License-Identifier: MIT
// Sealed datagrams with peers that are asked only when there is something to send.
#include <catch2/catch.hpp>

#include "net_datagram_pair.hpp"

using namespace coord;
using namespace coord::net;
using namespace coord::net::test;

namespace {

constexpr Instant start_of_time = Instant{} + 1h;

std::map<std::string, SealedDatagrams::Other> on_demand(const std::vector<std::string>& names,
                                                        std::uint8_t group) {
  std::map<std::string, SealedDatagrams::Other> others;
  for (const std::string& name : names) {
    others[name].group.fill(group);
    others[name].on_demand = true;
  }
  return others;
}

SealedDatagrams end_of(const std::string& self, std::uint64_t seed = 1, std::uint8_t group = 9) {
  SealedDatagrams end = make_end(self, {.seed = seed, .peers = {}});
  end.set_peers(on_demand({"a", "b"}, group));
  return end;
}

// What of a's to b is opened there, all that follows carried along.
std::vector<Bytes> carry(Instant now, SealedDatagrams& a, SealedDatagrams& b,
                         std::vector<SealedDatagrams::Outgoing> from_a) {
  std::vector<Bytes> opened;
  std::deque<std::pair<bool, Bytes>> under_way;
  for (auto& out : from_a) under_way.emplace_back(true, std::move(out.bytes));
  while (!under_way.empty()) {
    const auto [to_b, bytes] = std::move(under_way.front());
    under_way.pop_front();
    auto step = (to_b ? b : a).receive(now, bytes);
    if (to_b && step.received) opened.push_back(step.received->payload);
    for (auto& out : step.outgoing) under_way.emplace_back(!to_b, std::move(out.bytes));
  }
  return opened;
}

// As a socket sends.
std::vector<SealedDatagrams::Outgoing> send(Instant now, SealedDatagrams& a, const std::string& to,
                                            const Bytes& payload) {
  const bool waits = a.keep(now, to, payload);
  auto out = a.tick(now);
  if (waits) return out;
  if (auto sealed = a.seal(to, payload)) out.push_back({to, std::move(*sealed)});
  return out;
}

}  // namespace

TEST_CASE("on demand: nobody is asked before there is something to send, which then arrives") {
  SealedDatagrams a = end_of("a"), b = end_of("b");
  CHECK(a.tick(start_of_time).empty());
  CHECK_FALSE(a.deadline().has_value());
  const auto opened = carry(start_of_time, a, b, send(start_of_time, a, "b", text("first")));
  REQUIRE(opened.size() == 1);
  CHECK(opened.front() == text("first"));
  const auto again = carry(start_of_time, a, b, send(start_of_time, a, "b", text("second")));
  REQUIRE(again.size() == 1);
  CHECK_FALSE(a.deadline().has_value());  // and is not asked again
  CHECK(b.seal("a", text("back")).has_value());
}

TEST_CASE("on demand: as long as something is sent the other is asked once a minute") {
  SealedDatagrams a = end_of("a"), b = end_of("b");
  std::size_t sent = 0;
  for (Instant now = start_of_time; now < start_of_time + 10min; now += 1s) {
    auto out = send(now, a, "b", text("x"));
    sent += out.size();
    CHECK(carry(now, a, b, std::move(out)).size() == 1);
  }
  CHECK(sent < 600 + 12);
}

TEST_CASE("on demand: who does not answer is asked some times and then left, and what waited is dropped") {
  SealedDatagrams a = end_of("a"), b = end_of("b");
  Instant now = start_of_time;
  std::size_t asked = send(now, a, "b", text("lost")).size();
  while (const auto next = a.deadline()) {
    REQUIRE(*next < start_of_time + 1min);
    now = *next;
    asked += a.tick(now).size();
  }
  CHECK(asked == DatagramTimes{}.give_up_after);
  now += 1min;
  const auto opened = carry(now, a, b, send(now, a, "b", text("later")));
  REQUIRE(opened.size() == 1);
  CHECK(opened.front() == text("later"));
}

TEST_CASE("on demand: one that has restarted is found out by what cannot be opened, or by its greeting") {
  SealedDatagrams a = end_of("a"), b = end_of("b");
  REQUIRE(carry(start_of_time, a, b, send(start_of_time, a, "b", text("x"))).size() == 1);
  SealedDatagrams other = end_of("b", 2);
  CHECK(carry(start_of_time + 1s, a, other, send(start_of_time + 1s, a, "b", text("lost"))).empty());
  REQUIRE(other.deadline().has_value());  // it has no life of a: it asks
  const auto question = other.tick(start_of_time + 1s);
  (void)carry(start_of_time + 1s, other, a, question);
  CHECK(carry(start_of_time + 2s, a, other, send(start_of_time + 2s, a, "b", text("y"))).size() == 1);
  SealedDatagrams third = end_of("b", 3);
  a.greeted("b");
  (void)carry(start_of_time + 3s, a, third, a.tick(start_of_time + 3s));
  CHECK(carry(start_of_time + 3s, a, third, send(start_of_time + 3s, a, "b", text("z"))).size() == 1);
}

TEST_CASE("on demand: peers that stay go on, others come and go, and each is of its group") {
  SealedDatagrams a = end_of("a"), b = end_of("b");
  REQUIRE(carry(start_of_time, a, b, send(start_of_time, a, "b", text("x"))).size() == 1);
  a.set_peers(on_demand({"a", "b", "c"}, 9));
  CHECK(a.seal("b", text("y")).has_value());
  a.set_peers(on_demand({"a", "c"}, 9));
  CHECK_FALSE(a.seal("b", text("y")).has_value());
  CHECK_FALSE(a.keep(start_of_time, "b", text("y")));
  const std::uint64_t before = a.foreign();
  (void)carry(start_of_time, b, a, send(start_of_time, b, "a", text("z")));
  CHECK(a.foreign() > before);
  SealedDatagrams stranger = end_of("b", 1, 8);
  a.set_peers(on_demand({"a", "b"}, 9));
  CHECK(carry(start_of_time, a, stranger, send(start_of_time, a, "b", text("secret"))).empty());
}
