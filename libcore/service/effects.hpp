// SPDX-License-Identifier: MIT
// What applying a command changed: the machine's answers, and news for sessions that did not ask.
//
// Every command of a client has exactly one answer: the effect whose `to` names it (Opened, too, names it,
// and is followed by the answer). Effects with to.client 0 are consequences: a Release's Granted for the next
// in line. All peers see the same effects; a peer acts on those for its own sessions and commands, the
// leader's LeaderTimers on timers.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/level.hpp"
#include "base/time.hpp"
#include "service/answer.hpp"
#include "service/families.hpp"
#include "service/timer_kind.hpp"
#include "service/types.hpp"

namespace coord::service {

struct Registered {
  NodeId node{};
  std::uint64_t nonce = 0;
  ClientId client{};  // commands carry this from now on
  bool operator==(const Registered&) const = default;
};

// The Register named another registration than the current one as the one that it
// replaces: try again with this one.
struct NotRegistered {
  NodeId node{};
  std::uint64_t nonce = 0;
  ClientId current{};
  bool operator==(const NotRegistered&) const = default;
};

struct Opened {
  AnswerTo to{};
  SessionId session{};
  NodeId node{};
  std::uint64_t nonce = 0;
  Duration ttl{};
  bool operator==(const Opened&) const = default;
};

struct Refused {
  AnswerTo to{};
  SessionId session{};
  std::uint64_t request = 0;
  Refusal why = Refusal::none;
  Cycle cycle{};  // why: deadlock
  Outcome outcome() const {
    return {.kind = OutcomeKind::refused,
            .why = why,
            .session = session,
            .request = request,
            .token = {},
            .cycle = cycle};
  }
  bool operator==(const Refused&) const = default;
};

struct Closed {
  AnswerTo to{};  // client 0 when it expired
  SessionId session{};
  NodeId node{};
  CloseReason why = CloseReason::finished;
  Outcome outcome() const {
    return {.kind = OutcomeKind::closed,
            .why = Refusal::none,
            .session = session,
            .request = 0,
            .token = {},
            .cycle = {}};
  }
  bool operator==(const Closed&) const = default;
};

struct Renewed {
  AnswerTo to{};
  std::vector<std::pair<SessionId, std::uint64_t>> renewed{};  // with the new renewal number
  std::vector<SessionId> gone{};                               // ended, or not this peer's
  Outcome outcome() const {
    return {.kind = OutcomeKind::renewed,
            .why = Refusal::none,
            .session = {},
            .request = 0,
            .token = {},
            .cycle = {}};
  }
  bool operator==(const Renewed&) const = default;
};

// Applied before: nothing was done. What became of it then: StateMachine::outcome().
struct Duplicate {
  AnswerTo to{};
  bool operator==(const Duplicate&) const = default;
};

// The registration is not the node's current one: nothing was done, nothing of it ever will be.
struct Stale {
  AnswerTo to{};
  bool operator==(const Stale&) const = default;
};

// Its own peer is to stop the session's command, and to close the session.
struct BreakAsked {
  AnswerTo to{};
  SessionId session{};
  NodeId node{};
  std::string user{};  // who wants it
  bool operator==(const BreakAsked&) const = default;
};

// The group is at this level from now on; or it is not, because a voter's life is
// another than when it was asked.
struct RaiseApplied {
  Level level = first_level;
  bool in_force = false;
  bool operator==(const RaiseApplied&) const = default;
};

// ---- all of them

// Answers with an outcome of their own; of the rest the outcome is `done`.
struct CoreEffects {
  using Answers = Types<Refused, Closed, Renewed>;
  using News = Types<Registered, NotRegistered, Opened, TimerStarted, TimerEnded, Duplicate, Stale,
                     BreakAsked, RaiseApplied>;
  using Openings = Types<Opened>;
};

template <class... F>
struct EffectsOf {
  using Answers = Join<CoreEffects::Answers, typename F::Answers...>;
  using Openings = Join<CoreEffects::Openings, typename F::Openings...>;
  using type = Apply<std::variant, Join<Answers, CoreEffects::News, typename F::News...>>;
};
using Answers = Apply<EffectsOf, Families>::Answers;
using Openings = Apply<EffectsOf, Families>::Openings;  // from each the lease of its session runs
using Effect = typename Apply<EffectsOf, Families>::type;
using Effects = std::vector<Effect>;

}  // namespace coord::service
