// SPDX-License-Identifier: MIT
// What the machine remembers of leaderships, slots and enrolments: a part of State.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/elections/commands.hpp"

namespace coord::service {

struct Candidate {
  SessionId session{};
  std::uint64_t number = 0;  // the session's own for it, as of its requests for locks
  Candidacy wish{};
  Duration min_hold{};        // of the leader: 0 once it has passed
  WallTime since{};           // of the candidacy, then of the leadership
  std::uint32_t attempt = 0;  // of the leader with a slot: which beginning of it this is, from 1
  bool completed = false;     // of the leader: has said that it is done

  bool operator==(const Candidate&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, number, wish, min_hold, since, attempt, completed);
  }
};

// A name that somebody leads or stands for, or that is kept shut by a minimum hold. Others are not stored.
struct Leadership {
  std::map<LogIndex, Candidate> candidates{};  // by place; the leader is one of them
  LogIndex leader{};                           // its place; 0: nobody leads
  Token term{};          // of the leader, or of the last one while its minimum hold lasts; else 0
  Duration kept{};       // nobody leads: what is left to be measured of the last one's minimum hold
  bool deposed = false;  // the leader was told to step down

  const Candidate* leading() const {
    const auto it = candidates.find(leader);
    return it == candidates.end() ? nullptr : &it->second;
  }

  bool operator==(const Leadership&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(candidates, leader, term, kept, deposed);
  }
};

struct Slot {
  std::uint32_t attempts = 0;  // how often it was begun
  bool completed = false;
  WallTime begun{};    // the last time, as the command said that brought it about
  WallTime at{};       // of its completion, else of its last beginning
  std::string user{};  // who began it first; kept from level 2 on

  bool operator==(const Slot&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(attempts, completed, begun, at);
    archive.since(2, user);
  }
};

struct Completion {
  WallTime at{};
  std::string key{};  // of the slot; empty: there was none
  std::string host{};

  bool operator==(const Completion&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(at, key, host);
  }
};

// What is known of the work done under a name.
struct SlotBook {
  std::map<std::string, Slot> slots{};  // by key as given
  std::string period{};                 // the latest one that was begun; earlier ones never are any more
  Slot latest{};                        // ... what became of it
  std::optional<Completion> last{};
  LogIndex touched{};  // the last command that changed this
  std::string user{};  // who began it; kept from level 2 on

  bool remembers_slots() const { return !slots.empty() || !period.empty(); }

  bool operator==(const SlotBook&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(slots, period, latest, last, touched);
    archive.since(2, user);
  }
};

struct ElectionState {
  std::map<std::string, Leadership> leaderships{};
  std::map<std::string, SlotBook> books{};
  std::map<std::string, std::map<NodeId, Enrolment>> enrolled{};

  bool operator==(const ElectionState&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(leaderships, books, enrolled);
  }
};

struct KeptElections {
  ElectionState elections{};

  bool operator==(const KeptElections&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(elections);
  }
};

}  // namespace coord::service
