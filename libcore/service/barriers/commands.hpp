// SPDX-License-Identifier: MIT
// The commands about barriers (barriers.hpp).
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/barriers/state.hpp"
#include "service/session.hpp"

namespace coord::service {

// Opens a session that takes part in a barrier and ends with that.
struct Arrive {
  Open open{};
  std::string name{};
  std::string id{};  // of the participant: nobody else has it in this barrier while it is there
  BarrierTerms terms{};
  bool command = false;          // it runs one from the release on
  bool break_on_death = false;   // rather break the barrier than go on without a participant that died
  std::uint64_t key = 0;         // random: an arrival that is sent again with it is the same arrival
  std::uint64_t generation = 0;  // the earliest that may have counted it already; 0: none can have
  // It breaks its generation instead of waiting in it: of the terms only `count` is said. From level 2 on.
  bool fail = false;
  std::string why{};  // what people are told of that

  bool operator==(const Arrive&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(open, name, id, terms, command, break_on_death, key, generation);
    archive.since(2, fail, why);
  }
};

// Takes the arrival back and ends the session. If the release was ordered first, that stands.
struct Depart {
  SessionId session{};

  bool operator==(const Depart&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session);
  }
};

// The participant's command has ended.
struct Finish {
  SessionId session{};
  std::int32_t status = 0;
  Duration run{};

  bool operator==(const Finish&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, status, run);
  }
};

// Breaks what gathers or runs at this name.
struct ResetBarrier {
  std::string name{};
  std::uint32_t uid = 0;  // who asks; said from level 2 on
  std::string user{};

  bool operator==(const ResetBarrier&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name);
    archive.since(2, uid, user);
  }
};

}  // namespace coord::service
