// SPDX-License-Identifier: MIT
// What a tool and its peer say to each other about leaderships, slots and enrolments: a part of local.hpp.
//
// A tool campaigns with Acquire (its `candidacy`), and all that follows is as for a lock: Waiting, Granted
// with a descriptor, Renewed, Lost, Cancel, Release. Beside that:
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "wire/bounds.hpp"

namespace coord::local {

// ---- tool to peer

// The command that the connection leads for has done its work: its slot, if it has one, is complete. The
// answer is Done, once that is in the log.
struct Completed {
  std::uint64_t request = 0;

  bool operator==(const Completed&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request);
  }
};

// Who leads and who stands for these names (none: all that are known). Linearizable unless `stale`.
struct ListLeaders {
  std::uint64_t request = 0;
  std::vector<std::string> names;
  bool stale = false;

  bool operator==(const ListLeaders&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, wire::at_most<1024, 255>(names), stale);
  }
};

// The same of one name, now (linearizable) and again whenever it changes, until the connection ends.
struct WatchLeader {
  std::uint64_t request = 0;
  std::string name;

  bool operator==(const WatchLeader&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, wire::at_most<255>(name));
  }
};

// Have the leader of `name` step down; only root and the leader's own user may. Done: it has been told.
struct Depose {
  std::uint64_t request = 0;
  std::string name;
  Token term;         // 0: whichever is current
  bool here = false;  // only if it runs on this host

  bool operator==(const Depose&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, wire::at_most<255>(name), term, here);
  }
};

// This host stands for `name` from now on, or no longer. The answer is Done, or Refused.
struct Stand {
  std::uint64_t request = 0;
  std::string name;
  bool enroll = true;
  std::int32_t priority = 0;
  std::string value;

  bool operator==(const Stand&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, wire::at_most<255>(name), enroll, priority, wire::text<1024>(value));
  }
};

// ---- peer to tool

struct Done {
  std::uint64_t request = 0;

  bool operator==(const Done&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request);
  }
};

struct CandidateRecord {
  std::string peer;
  std::string host;
  std::uint32_t pid = 0;  // 0: the host's enrolment
  std::string user;
  std::int32_t priority = 0;
  std::string value;
  WallTime since;  // of the candidacy, or of the leadership

  bool operator==(const CandidateRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::text<1024>(peer), wire::text<1024>(host), pid, wire::text<1024>(user), priority,
            wire::text<1024>(value), since);
  }
};

struct LastCompletion {
  WallTime at;
  std::string key;  // of the slot; empty: there was none
  std::string host;

  bool operator==(const LastCompletion&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(at, wire::text<1024>(key), wire::text<1024>(host));
  }
};

struct LeaderRecord {
  std::string name;
  std::optional<CandidateRecord> leader;
  Token term;                               // 0: nobody leads
  bool here = false;                        // the leader is on this host
  std::vector<CandidateRecord> candidates;  // who waits, in the order in which they would lead
  std::optional<LastCompletion> last;

  bool operator==(const LeaderRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<255>(name), leader, term, here, candidates, last);
  }
};

// Long listings come in several answers; the last has `more` false. A watch's changes have one record each.
struct Leaders {
  std::uint64_t request = 0;
  WallTime as_of;
  bool stale = false;
  bool more = false;
  std::vector<LeaderRecord> leaders;

  bool operator==(const Leaders&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, as_of, stale, more, leaders);
  }
};

}  // namespace coord::local
