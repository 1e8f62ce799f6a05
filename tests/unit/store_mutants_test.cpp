// SPDX-License-Identifier: MIT
// Each of the store's rules is removed in turn; the random runs, or the one fault that
// they do not make, must notice.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "store_damage.hpp"
#include "store_model.hpp"

using namespace coord;
using namespace coord::store;

namespace {

constexpr std::uint64_t seeds = 300;

struct Noticed {
  std::uint64_t seed = 0;  // 0: not
  std::string how;
};

Noticed by_random_runs(const char* rule, bool flips) {
  Noticed noticed;
  mutants::removed = rule;
  for (std::uint64_t seed = 1; seed <= seeds && noticed.seed == 0; ++seed) {
    if (const auto violation = ModelRun(seed, flips).run(60)) noticed = {seed, *violation};
  }
  mutants::removed.clear();
  return noticed;
}

Noticed by_a_lost_sector(const char* rule) {
  mutants::removed = rule;
  const auto violation = lost_sector_is_refused(9);
  mutants::removed.clear();
  return violation ? Noticed{1, *violation} : Noticed{};
}

Noticed by_a_failed_sync(const char* rule) {
  Noticed noticed;
  mutants::removed = rule;
  for (std::uint64_t seed = 1; seed <= seeds && noticed.seed == 0; ++seed) {
    if (const auto violation = failed_sync_is_not_believed(seed)) noticed = {seed, *violation};
  }
  mutants::removed.clear();
  return noticed;
}

Noticed by_an_interrupted_wipe(const char* rule) {
  Noticed noticed;
  mutants::removed = rule;
  for (std::uint64_t seed = 1; seed <= 20000 && noticed.seed == 0; ++seed) {
    if (const auto violation = interrupted_wipe_is_resumed(seed, sim::DiskFault::error))
      noticed = {seed, *violation};
  }
  mutants::removed.clear();
  return noticed;
}

void is_noticed(const char* rule, const Noticed& noticed) {
  WARN(rule << ": seed " << noticed.seed << ", " << noticed.how);
  CHECK(noticed.seed != 0);
}

}  // namespace

TEST_CASE("every rule of the store that is removed is noticed") {
  for (const char* const rule :
       {"failed_sync_is_fatal", "old_segment_synced_before_next", "old_segments_after_new_snapshot",
        "snapshot_synced_before_rename", "reserved_tokens_are_synced", "wipe_cut_tail"}) {
    is_noticed(rule, by_random_runs(rule, false));
  }
  for (const char* const rule : {"hard_state_checked", "refuse_damage_without_zeros"}) {
    is_noticed(rule, by_random_runs(rule, true));
  }
  for (const char* const rule : {"refuse_damage_below_synced", "scan_beyond_damage"}) {
    is_noticed(rule, by_a_lost_sector(rule));
  }
  is_noticed("recovered_end_is_rewritten", by_a_failed_sync("recovered_end_is_rewritten"));
  CHECK(by_a_failed_sync("").seed == 0);
  is_noticed("cut_record_is_unmarked_first", by_an_interrupted_wipe("cut_record_is_unmarked_first"));
  CHECK(by_random_runs("", true).seed == 0);
  CHECK(by_a_lost_sector("").seed == 0);
}
