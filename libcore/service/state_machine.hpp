// SPDX-License-Identifier: MIT
// The replicated state machine: sessions, and what they have.
//
// Problem: shell scripts on many hosts take turns; hosts, peers and scripts die at any point. A lock server
// on one host dies with it. Copies that each decide for themselves disagree. So every change is a command in
// Raft's log and every peer applies the same commands in the same order to the same state: this class. It
// must then be deterministic: no clock (the leader's LeaderTimers decide when a lease or timer is over, and
// say so in a command), no randomness, ordered containers only.
//
// Tokens (fencing): each grant's token is max(last + 1, base + place in the log): strictly
// increasing over all locks of the group, whatever is restored from where, below 2^53 so that every
// language's numbers hold it.
//
// A session belongs to a peer and ends by Close or Expire. What it holds, waits for, stands for and takes
// part in ends with it.
//
// Families. What may be held, led or met at is each its family's: locks/locks.hpp, elections/elections.hpp,
// barriers/barriers.hpp. The machine knows what all have in common (core.hpp), and hands on commands, the
// ends of sessions and of timers to those that they concern (family.hpp).
//
// Levels. What a rule decides may change with the group's level (base/level.hpp), never with the release that
// applies it: a rule that came later asks Step::level.
//
// Inputs: apply, apply_raise, restore. Queries: the rest. No threads. Costs are O(log n) a command plus the
// grants that it causes.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "service/commands.hpp"
#include "service/core.hpp"
#include "service/effects.hpp"
#include "service/families.hpp"
#include "service/level.hpp"
#include "service/limits.hpp"
#include "service/state.hpp"

namespace coord::service {

class StateMachine final : Core {
 public:
  StateMachine() { bind(); }
  // With bounds of its own, whatever its level: for tests.
  explicit StateMachine(Limits limits) : Core(limits) { bind(); }
  StateMachine(const StateMachine& other) : Core(other), families_(other.families_) { bind(); }
  StateMachine(StateMachine&& other) noexcept
      : Core(std::move(other)), families_(std::move(other.families_)) {
    bind();
  }
  StateMachine& operator=(const StateMachine& other);
  StateMachine& operator=(StateMachine&& other) noexcept;
  ~StateMachine() = default;

  // From a snapshot. An error: it contradicts itself, so whoever wrote it had lost its
  // mind or it is not a snapshot.
  static Result<StateMachine> restore(State state, std::optional<Limits> limits = {});
  // A new group's, at this level from the start: for tests.
  static StateMachine at_level(Level level) {
    StateMachine machine;
    machine.set_level(level);
    return machine;
  }

  // `index` is above every one before. What a command asks for wrongly is refused in its
  // effects, never an error.
  Effects apply(LogIndex index, const Command& command);
  // `voters`: of the group. Void, and RaiseApplied says so, unless each has announced it and still lives.
  Effects apply_raise(LogIndex index, const Raise& raise, const std::vector<NodeId>& voters);
  // These are the group's voters from this entry on.
  Effects apply_voters(LogIndex index, const std::vector<NodeId>& voters);

  using Core::limits;
  using Core::session;
  using Core::state;  // what a snapshot stores
  Level level() const { return state_.level; }
  // What a family can tell: machine.of<Locks>().
  template <class F>
  const F& of() const {
    return std::get<F>(families_);
  }

  ClientId registration(NodeId node) const;  // 0: none; for Register::replaces
  Outcome outcome(NodeId node, ClientId client, std::uint64_t sequence) const;
  Standing standing(SessionId session, std::uint64_t request) const;
  std::vector<SessionId> sessions_of(NodeId node) const;
  bool timer_runs(TimerKind kind, Token token) const;  // TimerStarted and not over
  std::vector<RunningTimer> running_timers() const;
  // False: it has voted, and as many hosts that have are forgotten as the group can note.
  bool may_forget(NodeId node) const;
  bool busy() const;           // a session is there, or something goes on without one
  bool makes_durable() const;  // as it is now, a lone peer syncs every command (Nature::durable)

 private:
  void bind();
  template <class Visit>
  void each(Visit&& visit) {
    std::apply([&](auto&... family) { (visit(family), ...); }, families_);
  }
  template <class Visit>
  void each(Visit&& visit) const {
    std::apply([&](const auto&... family) { (visit(family), ...); }, families_);
  }

  bool has_announced(NodeId voter, const Raise& raise) const;
  void dispatch(const Command& command, Step& step);
  template <class Kind>
  void hand_on(const Kind& body, Step& step);
  Registration* begin_once(const Command& command, Step& step);
  void on(const Register& body, Step& step);
  void on(const Close& body, Step& step);
  void on(const Renew& body, Step& step);
  void on(const Expire& body, Step& step);
  void on(const Break& body, Step& step);
  void on(const TimerOver& body, Step& step);
  void on(const TokenFloor& body, Step& step);
  void on(const Shut& body, Step& step);
  void on(const Forget& body, Step& step);
  void on(const KeepVoters& body, Step& step);
  void on(const Replacing& body, Step& step);
  void on(const Move& body, Step& step);
  bool may_take_name(const Register& body) const;
  void take_name(const Register& body, LogIndex index);
  void take_name_back(const Register& body, Registration& own, LogIndex index);
  void retire(NodeId node);
  void end_session(SessionId id, End end, Step& step, AnswerTo to) override;
  bool is_asked(SessionId session, std::uint64_t request) const override;
  Status rebuild();

  Apply<std::tuple, Families> families_;
};

// Of a command that is not in the log yet.
Nature nature_of(const Body& body);

}  // namespace coord::service
