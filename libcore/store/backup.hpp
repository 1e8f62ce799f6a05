// SPDX-License-Identifier: MIT
// What a group held, in one file: a backup of it, or what a group is founded from anew.
//
// The problem: with the disks of a majority a group is lost, and what one disk still holds must not be begun
// with as it is: an old peer that comes back would be taken for a part of it. Why copying state directories
// is not enough: the copies would have the votes, the incarnations and the tokens of the former group. So a
// file holds the state alone. With a founding's id it is the beginning of a group; all its peers begin with
// the same file, and the id is part of what peers of one group must agree on (net/greeting.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/disk.hpp"
#include "base/result.hpp"
#include "protocol/raft/raft.hpp"
#include "protocol/raft/types.hpp"
#include "store/snapshot_file.hpp"

namespace coord::store {

// Random, of a group that was founded anew; all 0: of one that was not.
using FoundingId = std::array<std::uint8_t, 16>;

struct Backup {
  FoundingId founding{};  // all 0: a backup
  raft::Snapshot state;

  bool operator==(const Backup&) const = default;
};

inline constexpr std::uint64_t backup_limit = snapshot_limit + 4096;  // bytes; bound on what is read

Bytes encode_backup(const Backup& backup);
// Nothing: no writer made these bytes, or they are cut or damaged. Pure; any bytes whatever are safe.
std::optional<Backup> decode_backup(ByteView file);

// As people and files have it: 32 hexadecimal digits.
std::string text_of(const FoundingId& id);
std::optional<FoundingId> parse_founding_id(const std::string& text);

// The log in `disk`, of whatever peer and group, as far as it is whole. Reads a copy: `disk` is not changed,
// and may be that of a peer that runs. Nothing: it holds none. An error: it cannot be read, or, of a peer
// that runs, not at this moment.
Result<std::optional<raft::Recovered>> read_log_of_any(Disk& disk, const std::string& place);

}  // namespace coord::store
