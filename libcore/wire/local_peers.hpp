// SPDX-License-Identifier: MIT
// What a peer tells its host's tools of the group's peers: a part of wire/local.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/level.hpp"
#include "base/time.hpp"

namespace coord::local {

// A lease is counted by each host's own clock, and holds while no clock is faster than another one by more.
inline constexpr std::int64_t rate_that_leases_allow_ppm = 100'000;

struct PeerRecord {
  std::string name;
  std::string address;
  bool local = false;
  std::string role;   // leader, follower, candidate, learner, member
  std::string state;  // alive, suspect, dead, left, recovering
  bool voter = true;
  std::optional<std::uint64_t> term;
  std::optional<std::uint64_t> commit_index;
  std::optional<Duration> rtt;
  std::optional<Duration> uptime;
  std::optional<std::uint64_t> sessions;
  std::optional<std::uint64_t> locks;
  std::optional<std::string> version;
  WallTime since;
  std::vector<std::pair<std::string, std::uint64_t>> sent;  // messages by type, since start
  std::vector<std::pair<std::string, std::uint64_t>> received;
  Level level = first_level;     // of the group, as that peer said last
  Level knows = first_level;     // the newest that its program knows
  std::uint64_t unreadable = 0;  // messages of it that could not be read, since start
  std::string timing;            // how its time-outs differ from this peer's; empty: not
  std::string disk;              // ready, full, stalled; empty: not known
  // As the members of the group tell each other (members/part.hpp).
  std::string member;  // alive, suspect, dead, left; empty: not told
  std::optional<std::uint64_t> incarnation;
  std::optional<std::uint64_t> phi_thousandths;  // phi * 1000
  std::optional<Duration> offset;                // of its clock from this host's
  std::optional<Duration> offset_bound;          // the error of that is at most this
  std::uint64_t awareness = 0;           // of this host: how often it was too slow itself lately; 0: sound
  std::string zone;                      // where it stands, as people call that; empty: it has not said
  std::optional<std::int64_t> rate_ppm;  // by how much its clock is faster than this host's, at least
  std::uint64_t stamp = 0;  // of its hybrid clock, as this host has heard last; this host's own; 0: none

  bool operator==(const PeerRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, address, local, role, state, voter, term, commit_index, rtt, uptime, sessions, locks,
            version, since, sent, received);
    archive.since(2, level, knows, unreadable, timing, disk);
    archive.since(2, member, incarnation, phi_thousandths, offset, offset_bound, awareness,
                  wire::text<64>(zone), rate_ppm, stamp);
  }
};

// What keeps the group at its level.
struct LevelRecord {
  Level level = first_level;                                 // 0: it has not read the log yet
  Level next = first_level;                                  // == level: the peer knows no later one
  std::vector<std::pair<std::string, std::string>> missing;  // a voter that has not announced it, and why
  std::optional<Duration> due;                               // this peer raises it by itself in so long
  std::vector<std::string> claimed;  // names in use, some of them, that will be one user's: `@USER/...`

  bool operator==(const LevelRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(level, next, missing, due, wire::at_most<64, 255>(claimed));
  }
};

// Raise the group's level now. Done: it was proposed. Only the leader's own user and
// root may, and only there.
struct RaiseLevel {
  std::uint64_t request = 0;

  bool operator==(const RaiseLevel&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request);
  }
};

enum class HandOverStep : std::uint8_t {
  look,   // say what there is, and change nothing
  close,  // grant nothing from now on, durably
  open,   // grant again
  end,    // once nothing is held: write down the highest token, and end
};
constexpr const char* name_of(HandOverStep value) {
  switch (value) {
    using enum HandOverStep;
    case look:
      return "look";
    case close:
      return "close";
    case open:
      return "open";
    case end:
      return "end";
  }
  return nullptr;
}

// Of a peer that is alone, by its own user or root: a group is to take its place.
// Answered by LoneView, or Refused.
struct HandOver {
  std::uint64_t request = 0;
  HandOverStep step = HandOverStep::look;

  bool operator==(const HandOver&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, step);
  }
};

struct LoneView {
  std::uint64_t request = 0;
  bool begun = false;  // it has taken up what it had left: before, the rest says nothing
  bool closed = false;
  bool ended = false;  // it grants nothing any more, ever: its highest token is written down
  std::uint64_t token = 0;
  std::uint64_t held = 0;            // locks, leaderships, commands of barriers: what must end first
  std::vector<std::string> holders;  // some of them, in words
  std::uint64_t stays = 0;           // what a group does not take over
  std::vector<std::string> staying;  // some of it, in words
  std::string where;                 // the file with the token

  bool operator==(const LoneView&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, begun, closed, ended, token, held, wire::at_most<64, 512>(holders), stays,
            wire::at_most<64, 512>(staying), wire::text<1024>(where));
  }
};

struct Peers {
  std::uint64_t request = 0;
  WallTime as_of;
  std::vector<PeerRecord> peers;
  std::vector<std::pair<std::string, std::string>> troubles;  // peer, why there is no connection to it
  LevelRecord level;
  std::string not_begun{};  // as in Waiting

  bool operator==(const Peers&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, as_of, peers, troubles);
    archive.since(2, level, wire::text<1024>(not_begun));
  }
};

}  // namespace coord::local
