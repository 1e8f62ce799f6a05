// SPDX-License-Identifier: MIT
// A snapshot's file: snapshot-INDEX (hexadecimal), the index in the name, a header,
// the state machine's bytes.
//
// The version in its header is the level of the state (base/level.hpp). From level 2 on the voters as of the
// snapshot stand before it.
//
// It counts only once a record of the log names it, with its checksum: until then the log alone speaks, so a
// crash at any point leaves the state before or the state after.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/disk.hpp"
#include "base/result.hpp"
#include "protocol/raft/types.hpp"
#include "store/body.hpp"

namespace coord::store {

inline constexpr char snapshot_temporary[] = "snapshot.tmp";
inline constexpr std::uint64_t snapshot_limit = std::uint64_t{256}
                                                << 20U;  // bytes; bound on what is read into memory

std::string snapshot_name(LogIndex index);
std::optional<LogIndex> snapshot_index(const std::string& name);  // nothing: not a snapshot's name

// Durable when it returns, name and content. An error: what is on the disk is unknown.
Result<SnapshotRef> write_snapshot(Disk& disk, const Identity& identity, const raft::Snapshot& snapshot);

// The snapshot that the log names; nothing if the file is not that. An error: it could not be read.
Result<std::optional<raft::Snapshot>> read_snapshot(Disk& disk, const Identity& identity,
                                                    const SnapshotRef& ref);

// The version in its header; nothing: it has none.
Result<std::optional<Level>> snapshot_version(Disk& disk, const SnapshotRef& ref);

// The data of a whole snapshot file, if it is what `ref` names. Pure; any bytes whatever are safe.
std::optional<raft::Snapshot> decode_snapshot(ByteView file, const Identity& identity,
                                              const SnapshotRef& ref);

}  // namespace coord::store
