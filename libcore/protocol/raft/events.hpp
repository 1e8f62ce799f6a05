// SPDX-License-Identifier: MIT
// What Raft is told, and what it answers. One list of events, one of actions, one ordering rule.
//
// Ordering rule: the driver performs the actions of one step in order, and those of a step before those of
// the next. Persist may complete later (Persisted), in the order in which the Persists were given; Raft
// itself holds back every message that depends on one until then, so a driver cannot break
// persist-before-send by being fast.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "protocol/raft/messages.hpp"
#include "protocol/raft/types.hpp"
#include "protocol/shape.hpp"

namespace coord::raft {

// ---- events

using Receive = Shape<Speaks<Message>>::Receive;
using Tick = Shape<Speaks<Message>>::Tick;  // Raft::deadline() says when the next one is needed
// A leader appends these commands, in this order; anyone else answers ProposalDropped.
struct Propose {
  std::vector<Bytes> commands;
  // A group of one does not sync what it proposes (Persist::sync): this it does before it commits.
  bool durable = false;
  Level level = first_level;  // by whose formats all of them are laid out
};
// A leader appends an entry that raises the group's level once it is applied; `data` as EntryKind::raise
// says. Anyone else does nothing.
struct ProposeRaise {
  Bytes data;
};
// A leader appends the change (members.cpp), if Raft::why_not() has nothing against it. Anyone
// else does nothing.
struct ChangeMembers {
  Change change;
  Level level = 2;  // that is in force
};
// Which index must be applied before a linearizable read with this number may be
// answered? (thesis, section 6.4)
struct Read {
  std::uint64_t id = 0;
};
// The Persist with this id, and so every one before it, is durable (or, with sync =
// false, handed to the kernel).
struct Persisted {
  std::uint64_t id = 0;
};
// A write or sync failed. What the disk holds is unknown: Raft halts for good.
struct PersistFailed {
  std::string why;
};
// The state machine's snapshot at `index` is durable on this peer: the log up to it may be dropped. `index`
// was applied, `term` is that of the entry there, and the Persists given before the snapshot was taken were
// carried out before it was stored, so that the disk's log reaches it.
struct SnapshotStored {
  Snapshot snapshot;
};
// Whether this peer has room for all that it may have to write: on its disk, the reserve for releases,
// expiries and elections included, and among its descriptors. True until told otherwise.
struct Room {
  bool enough = true;
};
// Hand leadership to `to`, or to whoever is furthest (0). For a leader that is told to stop.
struct TransferLeadership {
  NodeId to;
};

using Event = std::variant<Receive, Tick, Propose, ProposeRaise, ChangeMembers, Read, Persisted,
                           PersistFailed, SnapshotStored, Room, TransferLeadership>;

// ---- actions

// Make these durable, all or nothing up to the order given: a snapshot first (it replaces the state machine
// and the whole log, which goes on after its index), then the log from `first` on replaced by `entries` (what
// stood there and after it is gone), then the hard state.
struct Persist {
  std::uint64_t id = 0;
  std::optional<Snapshot> snapshot;
  LogIndex first;  // meaningful with entries: == entries.front().index
  std::vector<Entry> entries;
  std::optional<HardState> hard_state;
  // false only for one peer alone, without a new hard state or snapshot (or Propose::durable)
  bool sync = true;
};
using Send = Shape<Speaks<Message>>::Send;
// Everything up to and including this entry is committed: apply these, in order. Each entry is given once.
struct Apply {
  std::vector<Entry> entries;
};
// A snapshot came from the leader and is durable: the state machine starts again from it.
struct Install {
  Snapshot snapshot;
};
struct ReadReady {
  std::uint64_t id = 0;
  LogIndex index;
};
struct ReadDropped {  // not leader, or no longer: ask again elsewhere
  std::uint64_t id = 0;
};
struct ProposalDropped {
  std::vector<Bytes> commands;
};
struct RoleChanged {
  Role role = Role::follower;
  Term term;
  NodeId leader;  // 0: not known
};
// Something that an operator should see: what `peer` sent was not obeyed, or this peer may not take part
// (then `peer` says who stands against it). At most one a message; the driver limits what it logs.
struct Refused {
  NodeId peer;
  std::string why;
};
// The last action ever: this peer cannot go on without lying.
struct Halt {
  std::string why;
};

using Action = std::variant<Persist, Send, Apply, Install, ReadReady, ReadDropped, ProposalDropped,
                            RoleChanged, Refused, Halt>;
using Actions = std::vector<Action>;

}  // namespace coord::raft
