// SPDX-License-Identifier: MIT
// What a request for leadership adds to a request for a lock, and the commands about leaderships.
//
// A leadership is held as a lock is (one at a time, by a session, under a token that is called its term), but
// it is a thing of its own: the lock `x` and the leadership of `x` have nothing to do with each other.
// Whoever waits for one is a candidate, and not the oldest is next but the one of the highest priority.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace coord::service {

// Lead only to do the work of this slot, if it is still to be done (slots.hpp).
struct SlotWish {
  std::string key{};  // 1 to Limits::slot_key_bytes; of a period: when it begins, as RFC 3339 in UTC
  Duration period{};  // above 0: the key was made from the clock, Limits::period_low to duration_high
  std::uint32_t attempts = 3;  // how often the slot is begun at most, 1 to Limits::attempts

  bool operator==(const SlotWish&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(key, period, attempts);
  }
};

struct Candidacy {
  std::int32_t priority = 0;  // the highest leads next; of equals the one who has stood for longest
  bool preempt = false;       // have a leader of lower priority step down
  std::string value{};        // published by whoever leads; at most Limits::value_bytes
  bool enrolled = false;      // the peer's own, for its host (Enroll): leads without a command
  std::optional<SlotWish> slot{};

  bool operator==(const Candidacy&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(priority, preempt, value, enrolled, slot);
  }
};

// What the session leads for is done: the slot is complete, and the name has been completed at this time.
struct Complete {
  SessionId session{};
  std::uint64_t request = 0;

  bool operator==(const Complete&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, request);
  }
};

// Whoever leads `name` under this term is to stop and resign. Whether the one who asks may ask, its peer has
// checked; from level 2 on the log checks it too.
struct Depose {
  std::string name{};
  Token term{};
  std::uint32_t uid = 0;  // who asks; said from level 2 on
  std::string user{};

  bool operator==(const Depose&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, term);
    archive.since(2, uid, user);
  }
};

// How a host stands for a name, and for whom.
struct Enrolment {
  std::int32_t priority = 0;
  std::string value{};
  std::uint32_t uid = 0;
  std::string user{};

  bool operator==(const Enrolment&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(priority, value, uid, user);
  }
};

// The proposing peer's host stands for `name` from now on, whether or not somebody asks for it there; again:
// with this priority and value. Its peer keeps a session with a candidacy for it.
struct Enroll {
  std::string name{};
  Enrolment as{};

  bool operator==(const Enroll&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, as);
  }
};

// ... and no longer. Only who enrolled it, and root, may end or change an enrolment.
struct Withdraw {
  std::string name{};
  std::uint32_t uid = 0;  // who asks
  std::string user{};

  bool operator==(const Withdraw&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, uid, user);
  }
};

}  // namespace coord::service
