// SPDX-License-Identifier: MIT
// A disk that acknowledged a write and lost it: the sector goes back to zeros, below what was synced.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "store_fixture.hpp"

namespace coord::store {

inline void zero_sector(sim::VirtualDisk& disk, const std::string& name, std::uint64_t sector) {
  auto file = disk.open(name).value();
  REQUIRE(file->write(sector * sim::sector_size, Bytes(sim::sector_size)).ok());
  REQUIRE(file->sync().ok());
}

// Three records of more than two sectors each, all synced, the first in sectors 8 to 10 of the only segment.
inline void three_records(sim::VirtualDisk& disk) {
  Opened opened = open_ok(disk);
  for (std::uint64_t index = 1; index <= 3; ++index) {
    REQUIRE(opened.store.persist(append(1, index, 1, 1000)).ok());
  }
}

// Of the first record a sector is gone: only those after it tell that it was durable.
// What went wrong, or nothing.
inline std::optional<std::string> lost_sector_is_refused(std::uint64_t sector) {
  sim::VirtualDisk disk(Random(1));
  three_records(disk);
  zero_sector(disk, segment_name(1), sector);
  const Result<Opened> opened = Store::open(disk, identity(), small());
  if (!opened.ok()) return std::nullopt;
  return "it starts with " + std::to_string(opened->recovered.entries.size()) + " of 3 acknowledged entries";
}

// A sync fails, the peer is killed, the kernel still has the pages: what the next start finds is not on the
// disk. What went wrong, or nothing.
inline std::optional<std::string> failed_sync_is_not_believed(std::uint64_t seed) {
  sim::VirtualDisk disk{Random(seed)};
  {
    Opened opened = open_ok(disk);
    disk.arm(1, sim::DiskFault::error);
    REQUIRE_FALSE(opened.store.persist(append(1, 1, 1, 1000)).ok());
  }
  disk.crash(sim::CrashKind::process);
  const std::uint64_t found = open_ok(disk).store.last_index().value;
  disk.crash(sim::CrashKind::power);
  const Result<Opened> opened = Store::open(disk, identity(), small());
  if (!opened.ok()) return "it refuses to start without cause: " + opened.error().text();
  if (opened->store.last_index().value == found) return std::nullopt;
  return "an entry that was found once is gone";
}

// A record lost a sector in a power cut, and the start that cuts it off is stopped at some call, in the
// middle of a write perhaps. What went wrong with the next start, or nothing.
inline std::optional<std::string> interrupted_wipe_is_resumed(std::uint64_t seed, sim::DiskFault fault) {
  sim::VirtualDisk disk{Random(seed)};
  {
    Opened opened = open_ok(disk);
    raft::Persist lost = append(1, 1, 1, 1000);
    lost.sync = false;
    REQUIRE(opened.store.persist(lost).ok());
  }
  std::size_t sector = 0;  // the first, with the header, is kept; the second is not
  disk.power_cut([&sector](std::size_t options) { return sector++ == 1 ? std::size_t{0} : options - 1; });
  disk.arm(Random(seed).below(16), fault);
  try {
    const Result<Opened> stopped = Store::open(disk, identity(), small());
  } catch (const sim::SimCrash&) {
  }
  disk.disarm();
  disk.crash(fault == sim::DiskFault::crash_power ? sim::CrashKind::power : sim::CrashKind::process);
  const Result<Opened> opened = Store::open(disk, identity(), small());
  if (!opened.ok()) return "it refuses to start without cause: " + opened.error().text();
  if (opened->recovered.entries.empty()) return std::nullopt;
  return "it comes back with an entry in part";
}

}  // namespace coord::store
