// SPDX-License-Identifier: MIT
// Snapshots of the group itself, under random faults: each rule removed is found by what
// `dsnapshot check` runs.
#include "base/rule.hpp"
#include "sweep/watched.hpp"

using namespace coord;
using namespace coord::sweep;

namespace {

// The first finding without that rule, in so many seeds; empty: none.
std::string found_without(const std::string& rule, std::uint64_t seeds) {
  mutants::removed = rule;
  std::string finding;
  for (std::uint64_t seed = 1; seed <= seeds && finding.empty(); ++seed) {
    const Shown shown = under_faults(seed);
    if (!shown.findings.empty()) finding = shown.findings.front();
  }
  mutants::removed.clear();
  return finding;
}

}  // namespace

TEST_CASE("a snapshot of the founders in place of the voters is found when one is replaced") {
  CHECK(wrong_after_replacing() == "");
  mutants::removed = "group_snapshot_is_of_the_voters";
  CHECK(wrong_after_replacing() != "");
  mutants::removed.clear();
}

TEST_CASE("the cut of the group itself: each rule removed is found in the snapshots") {
  CHECK(found_without("", 10) == "");
  for (const char* rule : {"group_marker_that_comes_first_breaks", "group_datagrams_of_one_life",
                           "group_datagrams_carry_the_colour", "group_one_cut_a_snapshot",
                           "group_markers_behind_the_step", "group_unmarked_link_was_empty"}) {
    INFO(rule);
    CHECK(found_without(rule, 3000) != "");
  }
}
