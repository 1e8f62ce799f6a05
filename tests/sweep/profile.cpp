// SPDX-License-Identifier: MIT
#include "sweep/profile.hpp"

#include <array>
#include <initializer_list>

#include "sweep/casters.hpp"

namespace coord::sweep {

namespace {

using sim::FaultKind;
using std::chrono::milliseconds;
using std::chrono::seconds;

// How many of a hundred seeds are of each profile.
struct Share {
  Profile profile;
  std::string_view name;
  std::uint64_t percent;
};
constexpr std::array<Share, profiles> shares{{{Profile::mixed, "mixed", 28},
                                              {Profile::calm, "calm", 6},
                                              {Profile::crowded, "crowded", 6},
                                              {Profile::renewals, "renewals", 12},
                                              {Profile::power, "power", 14},
                                              {Profile::damage, "damage", 12},
                                              {Profile::elections, "elections", 12},
                                              {Profile::alone, "alone", 4},
                                              {Profile::upgrades, "upgrades", 4},
                                              {Profile::keys, "keys", 2},
                                              {Profile::members, "members", 0},
                                              {Profile::churn, "churn", 0},
                                              {Profile::casts, "casts", 0},
                                              {Profile::engine, "engine", 0}}};

void only(sim::FaultConfig& faults, Duration gap, std::initializer_list<FaultKind> kinds) {
  faults.mean_gap.clear();
  for (const FaultKind kind : kinds) faults.mean_gap[kind] = gap;
}

// Small bounds, so that what happens rarely in life (a new segment, a snapshot, a full
// window) happens in every run.
void tighten(Setting& setting, Random& random) {
  setting.world.link.delay_low = std::chrono::microseconds(100);
  setting.world.link.delay_high = random.chance(0.5) ? milliseconds(1) : milliseconds(15);
  setting.world.link.reorder = random.chance(0.3) ? 0.05 : 0;
  setting.world.link.reorder_by = milliseconds(60);
  setting.world.clock_start_high = seconds(1000);
  setting.world.clock_rate_spread_ppm = random.chance(0.3) ? 90'000 : 200;
  setting.cluster.store.first_segment_bytes = 8 * 1024;
  setting.cluster.store.segment_bytes = random.chance(0.5) ? 16 * 1024 : 64 * 1024;
  setting.cluster.store.keep_free_bytes = 32 * 1024;
  setting.cluster.prepare_ahead = random.chance(0.5);
  setting.cluster.replica.snapshot_every_entries = random.chance(0.5) ? 30 : 200;
  setting.cluster.replica.raft.entries_behind = random.chance(0.5) ? 5 : 64;
  setting.cluster.replica.raft.snapshot_piece = random.chance(0.5) ? 300 : 4096;
  setting.cluster.replica.raft.in_flight = random.chance(0.3) ? 2 : 64;
  setting.cluster.replica.commands_in_flight = random.chance(0.3) ? 8 : 1024;
  setting.cluster.replica.token_block = random.chance(0.5) ? 16 : 65536;
}

void shape(Setting& setting, Random& random) {
  ToolsConfig& tools = setting.tools;
  sim::FaultConfig& faults = setting.faults;
  switch (setting.profile) {
    case Profile::mixed:
      if (random.chance(0.5)) {
        for (auto& [kind, gap] : faults.mean_gap) gap *= 3;  // calmer: more is done between the faults
      }
      break;
    case Profile::calm:
      for (auto& [kind, gap] : faults.mean_gap) gap *= 6;
      faults.length_high = milliseconds(400);
      tools.scripts_per_host = 4;
      tools.names = 6;
      tools.work_high = milliseconds(60);
      tools.pause_high = milliseconds(30);
      break;
    case Profile::crowded:
      faults = sim::FaultConfig::without_disks(active);
      for (auto& [kind, gap] : faults.mean_gap) gap *= 3;
      tools.scripts_per_host = 4;
      tools.names = 64;
      tools.names_at_once = 24;
      tools.several = 0.6;
      tools.semaphore = 0.4;
      tools.pause_high = milliseconds(50);
      // What is remembered of so many names takes a hundred of the smallest pieces.
      setting.cluster.replica.raft.snapshot_piece = 4096;
      break;
    case Profile::renewals:
      only(faults, active / 8,
           {FaultKind::delay_burst, FaultKind::loss_burst, FaultKind::pause, FaultKind::partition,
            FaultKind::one_way_cut, FaultKind::clock_rate, FaultKind::disk_stall});
      faults.length_high = milliseconds(1200);
      tools.ttl_low = milliseconds(300);
      tools.ttl_high = milliseconds(900);
      tools.long_work = 0.6;
      break;
    case Profile::power:
      only(faults, active / 10, {FaultKind::power_cut, FaultKind::crash_in_call, FaultKind::process_crash});
      faults.mean_gap[FaultKind::partition] = active / 4;
      faults.length_high = milliseconds(400);
      faults.swarm = false;
      break;
    case Profile::damage:
      only(faults, active / 6,
           {FaultKind::disk_replaced, FaultKind::bit_flip, FaultKind::disk_error, FaultKind::disk_full,
            FaultKind::power_cut, FaultKind::crash_in_call, FaultKind::partition, FaultKind::process_crash});
      faults.length_high = milliseconds(800);
      setting.operator_acts = random.chance(0.8);
      break;
    case Profile::elections:
      only(faults, active / 2, {FaultKind::power_cut, FaultKind::process_crash, FaultKind::disk_stall});
      faults.length_high = milliseconds(500);
      setting.hunt = milliseconds(60 + random.below(300));
      setting.world.link.delay_high = milliseconds(random.chance(0.7) ? 15 : 1);
      tools.listing = 1;
      tools.standing = 0;  // entries travel one by one: no room for what renews itself
      tools.pause_high = milliseconds(80);
      setting.cluster.replica.raft.append_bytes = 1;
      setting.cluster.replica.raft.in_flight = random.chance(0.7) ? 1 : 3;
      break;
    case Profile::alone:
      only(faults, active / 8,
           {FaultKind::power_cut, FaultKind::crash_in_call, FaultKind::process_crash, FaultKind::disk_full,
            FaultKind::disk_stall, FaultKind::pause});
      faults.length_high = milliseconds(400);
      break;
    case Profile::upgrades:
      faults = sim::FaultConfig::without_disks(active);
      for (auto& [kind, gap] : faults.mean_gap) gap *= 3;
      faults.mean_gap[FaultKind::power_cut] = faults.mean_gap[FaultKind::process_crash] = active / 3;
      faults.length_high = milliseconds(500);
      setting.upgrades = setting.cluster.in_bytes = true;
      break;
    case Profile::keys:
      for (auto& [kind, gap] : faults.mean_gap) gap *= 2;
      setting.scribes = true;
      setting.cluster.replica.snapshot_every_entries = 30;
      tools.scripts_per_host = 1;
      break;
    case Profile::members:
      setting.cluster.founded_at = newest_level;
      setting.cluster.members = 1 + random.below(3);
      setting.cluster.in_bytes = random.chance(0.3);
      setting.world.nodes = setting.cluster.nodes + setting.cluster.members;
      faults = sim::FaultConfig::without_disks(active);
      for (auto& [kind, gap] : faults.mean_gap) gap *= random.chance(0.5) ? 1 : 3;
      faults.length_high = milliseconds(1500);
      if (random.chance(0.4)) setting.hunt = milliseconds(400 + random.below(900));
      setting.scribes = random.chance(0.3);
      break;
    case Profile::churn:
      setting.cluster.founded_at = newest_level;
      setting.cluster.members = random.below(4);
      setting.cluster.in_bytes = random.chance(0.3);
      setting.world.nodes = setting.cluster.nodes + setting.cluster.members;
      setting.orders = milliseconds(60 + random.below(500));
      faults = sim::FaultConfig::without_disks(active);
      for (auto& [kind, gap] : faults.mean_gap) gap *= random.chance(0.5) ? 1 : 3;
      faults.mean_gap[FaultKind::power_cut] = active / 3;
      faults.length_high = milliseconds(1000);
      if (setting.world.seed % 10 < 3) {
        // Few orders besides, and silence that is long enough for the group to act.
        setting.kept_voters = static_cast<std::uint32_t>(setting.cluster.nodes);
        setting.orders = milliseconds(4000);
        setting.cluster.members = 1 + setting.world.seed / 10 % 3;
        setting.world.nodes = setting.cluster.nodes + setting.cluster.members;
        faults.length_high = milliseconds(5000);
      }
      if (random.chance(0.4)) setting.hunt = milliseconds(200 + random.below(900));
      tools.scripts_per_host = 1;
      break;
    case Profile::casts:
      setting.casters = true;
      setting.cluster.parts = make_casts;
      faults = sim::FaultConfig::without_disks(active);
      for (auto& [kind, gap] : faults.mean_gap) gap *= random.chance(0.5) ? 1 : 3;
      for (const FaultKind kind : {FaultKind::stream_shut, FaultKind::datagram_shut, FaultKind::loss_burst})
        faults.mean_gap[kind] = active / 4;
      faults.length_high = milliseconds(1500);
      tools.scripts_per_host = 1;
      break;
    case Profile::engine:
      setting.cluster.engine = true;
      setting.cluster.founded_at = newest_level;
      setting.cluster.nodes = 0;
      setting.cluster.members = setting.world.nodes;
      setting.cluster.seal_every_entries = random.chance(0.5) ? 30 : 200;
      setting.engine.cut_gap = random.chance(0.8) ? milliseconds(300 + random.below(3000)) : Duration{};
      setting.engine.outage_gap = random.chance(0.4) ? milliseconds(800 + random.below(3000)) : Duration{};
      setting.engine.lost = random.chance(0.5) ? 0.002 * static_cast<double>(random.below(10)) : 0;
      only(faults, active / 6,
           {FaultKind::pause, FaultKind::process_crash, FaultKind::power_cut, FaultKind::clock_rate});
      faults.length_high = milliseconds(1000);
      setting.scribes = random.chance(0.3);
      break;
  }
}

// Most groups rise to the newest level at once; some stay at an earlier one, for want of a release.
Level level_of(std::uint64_t seed, Profile profile) {
  if (profile == Profile::upgrades) return first_level;
  if (profile == Profile::keys || profile == Profile::members || profile == Profile::churn ||
      profile == Profile::casts || profile == Profile::engine)
    return newest_level;
  return Random(seed ^ 0x6c6576656c000000U).chance(0.8) ? newest_level : first_level;
}

}  // namespace

std::string_view name_of(Profile profile) {
  return shares.at(static_cast<std::size_t>(profile)).name;
}

std::optional<Profile> profile_named(std::string_view name) {
  for (const Share& share : shares) {
    if (share.name == name) return share.profile;
  }
  return std::nullopt;
}

Profile profile_of(std::uint64_t seed) {
  std::uint64_t at = Random(seed ^ 0x70726f66696c6500U).below(100);
  for (const Share& share : shares) {
    if (at < share.percent) return share.profile;
    at -= share.percent;
  }
  return Profile::mixed;
}

Setting setting_of(std::uint64_t seed, Profile profile) {
  Random random(seed ^ 0x73657474696e6700U);
  Setting setting;
  setting.profile = profile;
  const bool five = random.chance(profile == Profile::elections ? 0.6 : 0.25);
  const std::size_t nodes = profile == Profile::alone ? 1 : five ? 5 : 3;
  setting.cluster.nodes = setting.world.nodes = nodes;
  setting.world.seed = seed;
  tighten(setting, random);
  setting.cluster.replica.level = level_of(seed, profile);
  setting.cluster.replica.raise_after = milliseconds(300);
  setting.tools.scripts_per_host = 1 + random.below(3);
  setting.tools.names = 1 + random.below(4);
  if (random.chance(0.2)) setting.tools.wrapper_sleep_high = seconds(2);
  setting.faults = sim::FaultConfig::everything(active, nodes);
  shape(setting, random);
  // Where entries travel one by one, there is no room for more of them.
  if (profile != Profile::elections) setting.participants.scripts_per_host = random.below(3);
  // From level 2 on peers also send datagrams, which have a fate of their own.
  if (profile == Profile::mixed || profile == Profile::renewals) {
    for (const FaultKind kind : {FaultKind::stream_shut, FaultKind::datagram_shut})
      setting.faults.mean_gap[kind] = active / 4;
  }
  setting.participants.ttl_low = setting.tools.ttl_low;
  setting.participants.ttl_high = setting.tools.ttl_high;
  if (random.chance(0.3)) setting.tools.make_plain();
  // Of a release that is not written yet: all are upgraded to it, one by one.
  if (profile == Profile::engine && Random(seed ^ 0x6e65787400000000U).chance(0.3)) setting.upgrades = true;
  // What is lost in a restore is no fault of those who check histories.
  if (profile == Profile::engine && Random(seed ^ 0x726573746f726500U).chance(0.25)) {
    setting.engine.restored = true;
    setting.participants.scripts_per_host = 0;
    setting.scribes = false;
  }
  return setting;
}

std::vector<sim::Fault> plan_of(std::uint64_t seed, Profile profile) {
  const Setting setting = setting_of(seed, profile);
  return sim::plan_faults(setting.faults, setting.world.nodes, seed);
}

}  // namespace coord::sweep
