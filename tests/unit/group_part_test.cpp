// SPDX-License-Identifier: MIT
// The part that takes snapshots of the group, message by message.
#include <catch2/catch.hpp>

#include "group_part_stories.hpp"

using namespace coord;
using namespace coord::test;

TEST_CASE("group snapshot: whole when each peer and each link has told, at once") {
  Played play;
  play.take();
  REQUIRE(play.id);
  CHECK_FALSE(play.taken);
  play.all_is_well();
  REQUIRE(play.taken);
  CHECK(play.is_whole());
}

TEST_CASE("group snapshot: a peer that answers in two lives has no record") {
  CHECK_FALSE(believes_one_of_two_lives());
}
TEST_CASE("group snapshot: a link's line of an earlier life of its receiver is not taken") {
  CHECK_FALSE(takes_a_line_of_the_receivers_earlier_life());
}
TEST_CASE("group snapshot: a link's marker of another life of its sender is not taken") {
  CHECK_FALSE(takes_a_marker_of_the_senders_other_life());
}
TEST_CASE("group snapshot: datagrams to a peer that has restarted bear the colour again") {
  CHECK_FALSE(leaves_a_restarted_peer_without_colour());
}
TEST_CASE("group snapshot: a connection that comes about after the cut begins with the marker") {
  CHECK_FALSE(begins_a_connection_without_the_marker());
}
TEST_CASE("group snapshot: what comes after its time does not count, though the timer is late") {
  CHECK_FALSE(counts_what_comes_after_its_time());
}
TEST_CASE("group snapshot: whose it is its taker says, also where a peer knows other voters") {
  CHECK_FALSE(goes_by_its_own_voters());
}
TEST_CASE("group snapshot: a peer that cannot take part when it hears of one first stays out of it") {
  CHECK_FALSE(makes_up_for_a_cut());
}
TEST_CASE("group snapshot: the second connection after a cut does not say that nothing stood before it") {
  CHECK_FALSE(takes_a_second_connection_for_the_first());
}
TEST_CASE("group snapshot: the colour of a peer that is not named in it is void") {
  CHECK_FALSE(takes_the_colour_of_a_stranger());
}

TEST_CASE("group snapshot: who votes meanwhile, or no more, changes nothing of one that is under way") {
  Played play;
  play.take();
  REQUIRE(play.id);
  CHECK(play.id->peers == std::vector<NodeId>{Played::self, Played::two, Played::three});
  play.tell(node::Greeted{Played::four, 2, 40});
  play.marker(Played::four, 40);
  play.peer(Played::four, 40, {Played::self});
  play.link(Played::four, 40, Played::self, 0);
  play.link(Played::two, 20, Played::four, 40);
  CHECK_FALSE(play.colours(Played::four));
  CHECK_FALSE(play.taken);
  play.all_is_well();
  REQUIRE(play.taken);
  CHECK(play.is_whole());
  CHECK(play.taken->members == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("group snapshot: one that does not name this peer, or cannot be, is none of its business") {
  const NodeId a = Played::self, b = Played::two, c = Played::three, d = Played::four;
  std::vector<NodeId> many;
  for (std::uint64_t i = 1; i <= 16; ++i) many.push_back(NodeId{i});
  const std::vector<NodeId> wrong[] = {{}, {b, c, d}, {a, c, d}, {b, a}, {a, a, b}, {NodeId{}, a, b}, many};
  for (const std::vector<NodeId>& peers : wrong) {
    Played play;
    play.two_takes(peers);
    CHECK(play.running() == 0);
    CHECK(play.marked.empty());
  }
  Played play;
  // Its name is not known here yet, and the links would have two names.
  play.two_takes({a, b, NodeId{5}});
  CHECK(play.running() == 0);
  // From one that is named in it, but not its taker.
  play.two_takes({a, c, d}, c);
  CHECK(play.running() == 0);
  // From one that is not named in it.
  play.two_takes({a, b, d}, c);
  CHECK(play.running() == 0);
  play.two_takes({a, b, d}, d);
  CHECK(play.running() == 1);
}

TEST_CASE("group snapshot: what had waited for a connection counts on it, also before its other end votes") {
  Played play;
  play.connects(Played::two, 0);
  play.connects(Played::four, 3);
  play.two_takes({Played::self, Played::two, Played::four});
  CHECK(play.sent_by_it == std::map<NodeId, std::uint64_t>{{Played::two, 1}, {Played::four, 4}});
}

TEST_CASE("group snapshot: of a registered host it is never forgotten what was sent to it, for it may vote") {
  Played play;
  play.connects(Played::four);
  play.sends_datagram(Played::four);
  play.disconnects(Played::four);
  play.has_vote = false;
  for (std::uint64_t i = 0; i <= group::most_links; ++i) play.tell(node::Greeted{NodeId{100 + i}, 2, 1});
  play.has_vote = true;
  play.two_takes({Played::self, Played::two, Played::four});
  CHECK(play.datagrams_by_it[Played::four] == std::map<std::string, std::uint64_t>{{"probe", 1}});
}
