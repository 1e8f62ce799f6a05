// SPDX-License-Identifier: MIT
// What records and file headers say, as bytes. Little-endian, fixed widths; every count is checked against
// the bytes that are left before anything is allocated. Reading gives nothing for bytes that no writer of
// this version made.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/level.hpp"
#include "protocol/raft/events.hpp"
#include "protocol/raft/types.hpp"

namespace coord::store {

// A digest of what all peers of a group must agree on (the list of peers); peers and files
// of another one are refused.
using GroupDigest = std::array<std::uint8_t, 32>;

// Whose log this is. Stands in the header of every segment and snapshot, so that files cannot be mixed up.
struct Identity {
  NodeId node;
  raft::Incarnation incarnation{};
  GroupDigest group{};

  bool operator==(const Identity&) const = default;
};

// Names one snapshot file and pins its content. Index 0: there is no snapshot.
struct SnapshotRef {
  LogIndex index;
  Term term;
  std::uint64_t size = 0;  // bytes of the state machine's data
  std::uint32_t crc = 0;   // of the data

  bool operator==(const SnapshotRef&) const = default;
};

// All that the log says at one place, except the entries. Each segment begins with a copy, so that those
// before it can go.
struct LogState {
  LogIndex next{1};  // the index that the next entry has
  SnapshotRef snapshot;
  raft::HardState hard_state;
  Token tokens;  // reserved up to here

  bool operator==(const LogState&) const = default;
};

// The body of a RecordType::persist record.
struct PersistBody {
  std::optional<SnapshotRef> snapshot;  // installed: the log begins anew after it
  std::vector<raft::Entry> entries;
  std::optional<raft::HardState> hard_state;
};

// bound on a hard state's size; groups have at most 15 peers
inline constexpr std::size_t founders_limit = 64;

void put_identity(ByteWriter& out, const Identity& identity);
void put_snapshot_ref(ByteWriter& out, const SnapshotRef& ref);
void put_state(ByteWriter& out, const LogState& state);
std::optional<Identity> get_identity(ByteReader& in);
std::optional<SnapshotRef> get_snapshot_ref(ByteReader& in);
std::optional<LogState> get_state(ByteReader& in);

// The level of a segment that can hold it.
Level level_of(const raft::Persist& persist);
// `entries` must be contiguous; `snapshot` stands for persist.snapshot; `version` is the segment's.
Bytes encode_persist(const raft::Persist& persist, const std::optional<SnapshotRef>& snapshot,
                     Level version = first_level);
Bytes encode_snapshot_ref(const SnapshotRef& ref);
Bytes encode_tokens(Token upto);
std::optional<PersistBody> decode_persist(ByteView body, Level version = first_level);
std::optional<SnapshotRef> decode_snapshot_ref(ByteView body);
std::optional<Token> decode_tokens(ByteView body);

}  // namespace coord::store
