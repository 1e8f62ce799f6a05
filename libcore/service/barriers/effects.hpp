// SPDX-License-Identifier: MIT
// What commands about barriers change.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "service/answer.hpp"
#include "service/barriers/state.hpp"

namespace coord::service {

// The arrival has its place in that generation. If that is over for it already, BarrierMoved follows.
struct BarrierArrived {
  AnswerTo to{};
  SessionId session{};
  Duration ttl{};
  std::string name{};
  std::uint64_t generation = 0;
  Outcome outcome() const {
    return {.kind = OutcomeKind::arrived,
            .why = Refusal::none,
            .session = session,
            .request = 0,
            .token = Token{generation},
            .cycle = {}};
  }
  bool operator==(const BarrierArrived&) const = default;
};

// As asked for; the session ends. Or too late: the release was ordered first.
struct BarrierDeparted {
  AnswerTo to{};
  SessionId session{};
  Outcome outcome() const {
    return {.kind = OutcomeKind::departed,
            .why = Refusal::none,
            .session = session,
            .request = 0,
            .token = {},
            .cycle = {}};
  }
  bool operator==(const BarrierDeparted&) const = default;
};

struct BarrierStays {
  AnswerTo to{};
  SessionId session{};
  Outcome outcome() const {
    return {.kind = OutcomeKind::stays,
            .why = Refusal::none,
            .session = session,
            .request = 0,
            .token = {},
            .cycle = {}};
  }
  bool operator==(const BarrierStays&) const = default;
};

struct BarrierDone {  // a Finish or a ResetBarrier
  AnswerTo to{};
  bool operator==(const BarrierDone&) const = default;
};

// For these sessions something has changed: the generation was released, broken, or its last command is over.
// Their Closed follows where they have nothing more to wait for.
struct BarrierMoved {
  std::string name{};
  std::uint64_t number = 0;
  Generation generation{};
  std::vector<SessionId> sessions{};
  bool operator==(const BarrierMoved&) const = default;
};

}  // namespace coord::service
