// SPDX-License-Identifier: MIT
// The rules of the part that takes snapshots of the group which random faults seldom meet:
// each removed is seen.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "group_part_stories.hpp"

using namespace coord;
using namespace coord::test;

TEST_CASE("group snapshot: each rule that is removed is seen in its story") {
  const std::pair<const char*, bool (*)()> rules[] = {
      {"group_two_lives_have_no_record", believes_one_of_two_lives},
      {"group_link_is_of_its_receivers_life", takes_a_line_of_the_receivers_earlier_life},
      {"group_marker_is_of_its_senders_life", takes_a_marker_of_the_senders_other_life},
      {"group_restart_forgets_the_cut", leaves_a_restarted_peer_without_colour},
      {"group_connection_begins_with_the_marker", begins_a_connection_without_the_marker},
      {"group_time_is_over_before_what_comes", counts_what_comes_after_its_time},
      {"group_snapshot_is_of_whom_its_taker_says", goes_by_its_own_voters},
      {"group_cut_is_not_made_up_for", makes_up_for_a_cut},
      {"group_second_connection_breaks", takes_a_second_connection_for_the_first},
      {"group_colour_is_of_whom_it_names", takes_the_colour_of_a_stranger}};
  for (const auto& [rule, wrong] : rules) {
    INFO(rule);
    CHECK_FALSE(wrong());
    mutants::removed = rule;
    CHECK(wrong());
    mutants::removed.clear();
  }
}
