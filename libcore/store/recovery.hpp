// SPDX-License-Identifier: MIT
// Reading the log at start: what was acknowledged comes back whole, or the peer refuses to start.
//
// Problem: after a crash the end of the log may hold records in part. Cutting off "everything from
// the first bad record" loses acknowledged entries when a bit flips in the middle, silently;
// refusing everything that is not perfect means that a power cut needs an operator. Rule: damage,
// with all after it, is cut off only if
//   - it lies at or beyond the highest log offset that any record states as synced, those beyond the damage
//     included, and
//   - some word of the damaged record was never written.
// Everything else may have swallowed an acknowledged record: refuse, name file and offset, say how to rejoin.
// Assumed of the disk: an unsynced sector holds what it held before or what was written, or a prefix of this
// and the rest of that; space written with zeros and synced reads as zeros. What it cannot tell apart from a
// write that never happened: the very last record gone back to zeros.
//
// What was found beyond the highest synced offset, and the zeros that must follow it, are written again and
// synced before anyone is told of it: a process that died, or a failed fsync, may have left them in the
// kernel's memory only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/disk.hpp"
#include "base/result.hpp"
#include "protocol/raft/raft.hpp"
#include "store/options.hpp"
#include "store/outline.hpp"
#include "store/segment.hpp"

namespace coord::store {

struct Recovery {
  raft::Recovered raft;
  Outline outline;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> segments;  // sequence and size of each, ascending
  std::vector<std::string> leftovers;  // names of files that no longer, or never did, belong to it
  std::vector<std::string> notes;      // for the peer's own record: what was cut off
  // The last segment, repaired and durable.
  SegmentHeader last;
  std::unique_ptr<DiskFile> file;
  std::size_t end = 0;
  std::uint32_t chain = 0;
};

// Nothing if the directory holds no log. `node` and `group` of `expected` must be the log's; the incarnation
// is the log's.
Result<std::optional<Recovery>> recover(Disk& disk, const Options& options, const Identity& expected);

}  // namespace coord::store
