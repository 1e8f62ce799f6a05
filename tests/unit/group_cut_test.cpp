// SPDX-License-Identifier: MIT
// One node's share of a snapshot of the group: what is recorded of a link, however connections come and go.
#include <catch2/catch.hpp>

#include "group/cut.hpp"

using namespace coord;
using namespace coord::group;

namespace {

constexpr NodeId a{1};

// b's cut; something stands with a, of which 3 have come.
void receives(Cut& cut, const std::string& kind) {
  cut.received(a, kind, [&] { return kind + " in words"; });
}
Cut cut_of_b(bool connected = true, bool each = false) {
  LinkIn in;
  in.connected = connected;
  in.received = connected ? 3 : 0;
  in.life = 7;
  in.datagrams = {{"heartbeat", 4}};
  return Cut({{a, in}}, each);
}

// a had its cut after 5 on the connection that stood.
wire::SnapshotMarker marker(bool first = false, bool up = true, std::uint64_t sent = 5) {
  return {{}, first, up, 7, sent, {{"heartbeat", 6}}};
}

std::uint64_t on_way(const Cut& cut) {
  std::uint64_t sum = 0;
  for (const auto& [kind, count] : cut.link(a).messages) sum += count;
  return sum;
}

// As `check` counts.
bool adds_up(const Cut& cut) {
  const record::Link& link = cut.link(a);
  return link.received + on_way(cut) - link.earlier == link.sent;
}

}  // namespace

TEST_CASE("cut: what comes between it and the marker was on its way") {
  Cut cut = cut_of_b(true, true);
  CHECK_FALSE(cut.is_settled(a));
  receives(cut, "append");
  receives(cut, "heartbeat");
  CHECK(cut.marker(a, marker()));
  CHECK(cut.is_settled(a));
  receives(cut, "append");
  CHECK(cut.link(a).messages == record::Kinds{{"append", 1}, {"heartbeat", 1}});
  CHECK(cut.link(a).each == std::vector<std::string>{"append in words", "heartbeat in words"});
  CHECK_FALSE(cut.link(a).broke);
  CHECK(adds_up(cut));
  // Once is enough.
  CHECK_FALSE(cut.marker(a, marker()));
}

TEST_CASE("cut: where nothing stands nobody is waited for, until it comes back with its marker") {
  Cut cut = cut_of_b(false);
  CHECK(cut.is_settled(a));
  CHECK_FALSE(cut.is_marked(a));
  cut.came(a, 0);
  CHECK_FALSE(cut.is_settled(a));
  CHECK(cut.marker(a, marker(true, false, 0)));
  CHECK(on_way(cut) == 0);
  CHECK_FALSE(cut.link(a).broke);
  CHECK(adds_up(cut));
}

TEST_CASE("cut: a connection that stood at both cuts and broke may have lost something") {
  Cut cut = cut_of_b();
  receives(cut, "append");
  cut.parted(a);
  CHECK(cut.is_settled(a));
  cut.came(a, 0);
  CHECK(cut.marker(a, marker(true)));
  CHECK(cut.link(a).broke);
}

TEST_CASE("cut: one that ended before its sender's cut is all on its way") {
  Cut cut = cut_of_b();
  receives(cut, "append");
  cut.parted(a);
  cut.came(a, 0);
  SECTION("the sender had its cut with nothing standing") {
    CHECK(cut.marker(a, marker(true, false, 0)));
    CHECK(on_way(cut) == 1);
  }
  SECTION("the sender had its cut on the next one") {
    receives(cut, "append");
    receives(cut, "append");
    CHECK(cut.marker(a, marker(false, true, 2)));
    CHECK(on_way(cut) == 3);
  }
  CHECK_FALSE(cut.link(a).broke);
  CHECK(adds_up(cut));
}

TEST_CASE("cut: what is known to be lost makes it a link that broke") {
  Cut cut = cut_of_b();
  cut.came(a, 2);
  CHECK(cut.marker(a, marker()));
  CHECK(cut.link(a).broke);
}

TEST_CASE("cut: datagrams are those sent minus those received, in one life of the sender") {
  Cut cut = cut_of_b();
  CHECK(cut.marker(a, marker()));
  CHECK(record::in_flight_or_lost(cut.link(a)) == record::Kinds{{"heartbeat", 2}});
  Cut other = cut_of_b();
  wire::SnapshotMarker of_another_life = marker();
  of_another_life.life = 8;
  CHECK(other.marker(a, of_another_life));
  CHECK(other.link(a).datagrams_received.empty());
}

TEST_CASE("cut: made-up kinds take no more room than there is") {
  Cut cut = cut_of_b(true, true);
  for (int i = 0; i < 5000; ++i) receives(cut, "kind" + std::to_string(i));
  CHECK(cut.link(a).messages.size() == record::most_kinds);
  CHECK(cut.link(a).each.size() == record::most_each);
}
