// SPDX-License-Identifier: MIT
// What a tool and its peer say to each other about barriers. Part of local.hpp.
//
//   tool: Arrive                    Waiting, then Passed or Broken (or Refused)
//         Cancel (local.hpp)        Departed; or Passed, if the release was ordered first
//   with a command: Passed brings a session, kept as a lock's is: Started, Renewed, Lost (local.hpp)
//         Ended                     AllEnded, when the last command of the generation has ended, or Broken
//   in turn: TurnComes instead of Passed, which comes with its turn
//         ListBarriers              Barriers
//         ResetBarrier              BarrierIsReset, or Refused
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/barriers/state.hpp"
#include "wire/bounds.hpp"

namespace coord::local {

// ---- tool to peer

// Be one of the participants. The same `key` and `id` again, on whichever connection: the same arrival.
struct Arrive {
  std::uint64_t request = 0;
  std::string name;
  std::string id;
  std::uint32_t count = 0;
  std::uint32_t quorum = 0;  // 0: all it takes
  Duration after{};          // before a quorum suffices, from the first arrival
  std::vector<std::string> expect;
  bool break_on_death = false;
  bool command = false;  // it will run one from Passed on, and say Ended
  bool report = false;   // Passed, Broken and AllEnded come with the record
  std::uint64_t key = 0;
  Duration ttl{};  // of the session, 1 s to 1 h
  std::uint32_t pid = 0;
  std::string command_line;      // for listings
  std::uint64_t generation = 0;  // when it comes again: what Waiting or Passed said last (0: they said none)
  bool in_turn = false;          // the commands run one at a time
  bool fail = false;             // it comes to break its generation, and is answered with Broken
  std::string why{};             // ... for this reason

  bool operator==(const Arrive&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, wire::at_most<255>(name), wire::at_most<255>(id), count, quorum, after,
            wire::at_most<4096, 255>(expect), break_on_death, command, report, key, ttl, pid,
            wire::text<4096>(command_line), generation);
    archive.since(2, in_turn, fail, wire::at_most<255>(why));
  }
};

struct Ended {  // the command
  std::uint64_t request = 0;
  std::int32_t status = 0;
  Duration run{};

  bool operator==(const Ended&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, status, run);
  }
};

// One barrier by its name, or those in use above `after`, as many as fit one answer.
// Linearizable unless `stale`.
struct ListBarriers {
  std::uint64_t request = 0;
  std::string name;
  std::string after;
  bool stale = false;

  bool operator==(const ListBarriers&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, wire::at_most<255>(name), wire::at_most<255>(after), stale);
  }
};

struct ResetBarrier {
  std::uint64_t request = 0;
  std::string name;

  bool operator==(const ResetBarrier&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, wire::at_most<255>(name));
  }
};

// ---- peer to tool

struct Participant {
  std::string id;
  std::string host;
  WallTime arrived;  // by its host's clock
  bool late = false;
  bool command = false;
  bool lost = false;                   // it was gone before its command had ended
  std::optional<std::int32_t> status;  // of its command
  Duration run{};

  bool operator==(const Participant&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<255>(id), wire::text<64>(host), arrived, late, command, lost, status, run);
  }
};

enum class BarrierStage : std::uint8_t { waiting, released, broken };
constexpr const char* name_of(BarrierStage value) {
  switch (value) {
    using enum BarrierStage;
    case waiting:
      return "waiting";
    case released:
      return "released";
    case broken:
      return "broken";
  }
  return nullptr;
}

// A generation of a barrier.
struct BarrierRecord {
  std::string name;
  std::uint64_t generation = 0;
  std::uint32_t count = 0;
  std::uint32_t quorum = 0;
  BarrierStage stage = BarrierStage::waiting;
  std::string trigger;  // who released it (empty: the time), or by whose death it broke (empty: a reset)
  WallTime released;
  std::vector<Participant> participants;  // by id
  std::vector<std::string> missing;       // of those that are expected
  bool in_turn = false;
  std::string turn{};  // in turn: whose command may run
  service::BreakCause cause = service::BreakCause::unsaid;
  std::string why{};  // what who has failed said

  bool operator==(const BarrierRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<255>(name), generation, count, quorum, stage, wire::at_most<255>(trigger), released,
            wire::at_most<4096>(participants), wire::at_most<4096, 255>(missing));
    archive.since(2, in_turn, wire::at_most<255>(turn), cause, wire::at_most<255>(why));
  }
};

// The generation was released. With a command a descriptor comes with it, as with Granted.
struct Passed {
  std::uint64_t request = 0;
  std::uint64_t generation = 0;
  bool late = false;
  SessionId session;  // 0: nothing is left to be done here
  Instant sent;       // of the last renewal of the session that succeeded
  std::optional<BarrierRecord> record;

  bool operator==(const Passed&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, generation, late, session, sent, record);
  }
};

struct Broken {
  std::uint64_t request = 0;
  std::uint64_t generation = 0;
  std::string dead;  // the participant that died, or failed; empty: it was reset
  std::optional<BarrierRecord> record;
  service::BreakCause cause = service::BreakCause::unsaid;
  std::string why{};  // what who has failed said

  bool operator==(const Broken&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, generation, wire::at_most<255>(dead), record);
    archive.since(2, cause, wire::at_most<255>(why));
  }
};

// The generation was released; this participant's command is to wait for its turn. Passed or Broken follows.
struct TurnComes {
  std::uint64_t request = 0;
  std::uint64_t generation = 0;

  bool operator==(const TurnComes&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, generation);
  }
};

struct Departed {
  std::uint64_t request = 0;
  bool quorum = false;  // of the peers, at the end of the wait: decides between statuses 1 and 69
  std::uint64_t generation = 0;
  std::uint32_t arrived = 0;  // participants, this one among them
  std::vector<std::string> missing;
  std::optional<BarrierRecord> record;
  std::string not_begun{};  // as in Waiting (local.hpp)

  bool operator==(const Departed&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, quorum, generation, arrived, wire::at_most<4096, 255>(missing), record);
    archive.since(2, wire::text<1024>(not_begun));
  }
};

struct AllEnded {
  std::uint64_t request = 0;
  std::uint64_t generation = 0;
  std::uint32_t failed = 0;  // commands of others that ended with another status than 0, or were lost
  std::optional<BarrierRecord> record;

  bool operator==(const AllEnded&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, generation, failed, record);
  }
};

// `more`: ask again, after the last name.
struct Barriers {
  std::uint64_t request = 0;
  WallTime as_of;
  bool stale = false;
  bool more = false;
  std::vector<BarrierRecord> barriers;

  bool operator==(const Barriers&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, as_of, stale, more, barriers);
  }
};

struct BarrierIsReset {
  std::uint64_t request = 0;

  bool operator==(const BarrierIsReset&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request);
  }
};

}  // namespace coord::local
