// SPDX-License-Identifier: MIT
// Listings: who holds, who waits for whom, and who has held. Linearizable unless `stale`.
// Long ones come in several answers; the last has `more` false. The next one may go on
// with the last name of this one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "wire/bounds.hpp"
#include "wire/local_choices.hpp"

namespace coord::local {

// ---- tool to peer

// Who holds and who waits for these names (none: all that are in use). Linearizable unless `stale`.
struct ListLocks {
  std::uint64_t request = 0;
  std::vector<std::string> names;
  bool stale = false;

  bool operator==(const ListLocks&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, wire::at_most<1024, 255>(names), stale);
  }
};

// Who waits for whom. Linearizable unless `stale`.
struct ListWaits {
  std::uint64_t request = 0;
  bool stale = false;

  bool operator==(const ListWaits&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, stale);
  }
};

// The last holds of a name. Linearizable unless `stale`.
struct ListHistory {
  std::uint64_t request = 0;
  std::string name;
  bool stale = false;

  bool operator==(const ListHistory&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, wire::at_most<255>(name), stale);
  }
};

// ---- peer to tool

struct LockParty {
  SessionId session;
  Token token;                 // holders only
  std::uint32_t position = 0;  // waiters only, from 1
  Mode mode = Mode::exclusive;
  std::string peer;
  std::string host;
  std::uint32_t pid = 0;
  std::string user;
  std::string command;
  WallTime since;
  Duration ttl{};

  bool operator==(const LockParty&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, token, position, mode, wire::text<1024>(peer), wire::text<1024>(host), pid,
            wire::text<1024>(user), wire::text<4096>(command), since, ttl);
  }
};

// One edge of the wait-for graph.
struct WaitRecord {
  std::string name;
  WaitKind kind = WaitKind::holds;
  LockParty waiter;
  LockParty blocker;
  std::vector<SessionId> outer;  // what the waiter was asked inside of, outermost first: they wait as well

  bool operator==(const WaitRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<255>(name), kind, waiter, blocker, wire::at_most<32>(outer));
  }
};

struct LockRecord {
  std::string name;
  Mode mode = Mode::exclusive;
  std::uint32_t permits = 1;
  std::vector<LockParty> holders;
  std::vector<LockParty> waiters;

  bool operator==(const LockRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<255>(name), mode, permits, holders, waiters);
  }
};

struct Locks {
  std::uint64_t request = 0;
  WallTime as_of;
  bool stale = false;
  bool more = false;
  std::vector<LockRecord> locks;

  bool operator==(const Locks&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, as_of, stale, more, locks);
  }
};

struct Waits {
  std::uint64_t request = 0;
  WallTime as_of;
  bool stale = false;
  bool more = false;
  std::vector<WaitRecord> waits;

  bool operator==(const Waits&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, as_of, stale, more, waits);
  }
};

struct HoldRecord {
  LockParty holder;  // since: of the grant
  std::uint32_t permits = 1;
  Ending ending = Ending::holds;
  WallTime asked;
  std::optional<WallTime> ended;
  std::optional<std::uint8_t> status;  // of the command, where it ran to its end

  bool operator==(const HoldRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(holder, permits, ending, asked, ended, status);
  }
};

struct History {
  std::uint64_t request = 0;
  WallTime as_of;
  bool stale = false;
  bool more = false;
  std::vector<HoldRecord> holds;  // oldest first

  bool operator==(const History&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, as_of, stale, more, holds);
  }
};

}  // namespace coord::local
