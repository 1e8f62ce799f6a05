// SPDX-License-Identifier: MIT
// What commands about locks change. A leadership is granted, released and cancelled by the same.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "service/answer.hpp"
#include "service/locks/commands.hpp"

namespace coord::service {

struct Granted {
  AnswerTo to{};  // client 0: it had waited
  SessionId session{};
  std::uint64_t request = 0;
  Token token{};
  Mode mode = Mode::exclusive;
  std::uint32_t permits = 1;
  std::vector<std::string> names{};
  bool reentered = false;    // every name was held by what it is inside of: the token is that hold's
  std::string leadership{};  // not empty: it leads this name, under the token as its term; no names then
  Outcome outcome() const {
    return {.kind = OutcomeKind::granted,
            .why = Refusal::none,
            .session = session,
            .request = request,
            .token = token,
            .cycle = {}};
  }
  bool operator==(const Granted&) const = default;
};

struct Queued {
  AnswerTo to{};
  SessionId session{};
  std::uint64_t request = 0;
  Outcome outcome() const {
    return {.kind = OutcomeKind::queued,
            .why = Refusal::none,
            .session = session,
            .request = request,
            .token = {},
            .cycle = {}};
  }
  bool operator==(const Queued&) const = default;
};

// A waiting request is gone: as asked (`to`), or because its session ended.
struct Cancelled {
  AnswerTo to{};
  SessionId session{};
  std::uint64_t request = 0;
  Outcome outcome() const {
    return {.kind = OutcomeKind::cancelled,
            .why = Refusal::none,
            .session = session,
            .request = request,
            .token = {},
            .cycle = {}};
  }
  bool operator==(const Cancelled&) const = default;
};

// Cancel came too late: the hold stands.
struct AlreadyGranted {
  AnswerTo to{};
  SessionId session{};
  std::uint64_t request = 0;
  Token token{};
  Outcome outcome() const {
    return {.kind = OutcomeKind::already_granted,
            .why = Refusal::none,
            .session = session,
            .request = request,
            .token = token,
            .cycle = {}};
  }
  bool operator==(const AlreadyGranted&) const = default;
};

// A hold is over: as asked (`to`), or because its session ended. The names may still be
// shut by a timer (TimerStarted).
struct Released {
  AnswerTo to{};
  SessionId session{};
  std::uint64_t request = 0;
  Token token{};
  std::vector<std::string> names{};
  Outcome outcome() const {
    return {.kind = OutcomeKind::released,
            .why = Refusal::none,
            .session = session,
            .request = request,
            .token = token,
            .cycle = {}};
  }
  bool operator==(const Released&) const = default;
};

// A request that had waited is gone although its session lives: waiting on could not have ended.
struct Deadlocked {
  SessionId session{};
  std::uint64_t request = 0;
  Cycle cycle{};
  bool operator==(const Deadlocked&) const = default;
};

// The command that it had joined has ended with this status.
struct Joined {
  SessionId session{};
  std::uint64_t request = 0;
  Token token{};  // of that hold
  std::uint8_t status = 0;
  bool operator==(const Joined&) const = default;
};

}  // namespace coord::service
