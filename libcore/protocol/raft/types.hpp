// SPDX-License-Identifier: MIT
// What Raft speaks of: entries, hard state, snapshots, and the identity of a group. See
// raft.hpp for the algorithm.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/level.hpp"
#include "base/shared_bytes.hpp"
#include "protocol/raft/voters.hpp"

namespace coord::raft {

// 128 random bits that a peer makes once, when its state directory is new, and keeps as long as
// the directory lives. A wiped peer comes back with another one: that is how the others know
// that it has forgotten its votes.
using Incarnation = std::array<std::uint8_t, 16>;

enum class EntryKind : std::uint8_t {
  noop,     // a new leader's first entry (Raft section 8)
  command,  // opaque to Raft
  members,  // who votes and who learns from here on (voters.hpp); of level 2 at least
  raise,    // the group's level rises: `data` begins with the new one, as 4 bytes, little-endian, for ever
};

struct Entry {
  Term term;
  LogIndex index;
  EntryKind kind = EntryKind::noop;
  Bytes data;
  Level level = first_level;  // by whose formats `data` is laid out

  bool operator==(const Entry&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(term, index, kind, data);
    archive.since(2, level);
  }
};

// What a peer must know to hold the entry, and to apply it when its turn comes; nothing:
// it is no entry of any level.
std::optional<Level> level_needed(const Entry& entry);

// Must be durable before any message that depends on it (Raft figure 2, "persistent state").
struct HardState {
  Term term;
  NodeId vote;  // 0: none in this term
  // The incarnations of all named peers at the founding of the group; empty until this
  // peer has founded or rejoined.
  std::map<NodeId, Incarnation> founders;
  // Not 0: this peer came back empty (--rejoin) and stays recovering until it has caught up with a leader of
  // this term or later.
  Term recovering_until;

  bool operator==(const HardState&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(term, vote, founders, recovering_until);
  }
};

// The state machine's state with everything up to `index` applied.
struct Snapshot {
  LogIndex index;
  Term term;
  SharedBytes data;
  Level level = first_level;  // that the state is at, and by whose formats it is laid out
  Voters voters{};            // as of `index`; empty: the founders

  bool operator==(const Snapshot&) const = default;
};

// Does a peer's disk take what is written now? `full`: the reserve is touched, or no descriptor is left: what
// must pass still may. `stalled`: the oldest write has been under way for longer than Config::write_patience.
enum class DiskState : std::uint8_t { unknown, ready, full, stalled };

enum class Role : std::uint8_t { bootstrap, follower, pre_candidate, candidate, leader, halted };

}  // namespace coord::raft
