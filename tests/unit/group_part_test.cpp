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
