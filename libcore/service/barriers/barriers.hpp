// SPDX-License-Identifier: MIT
// Barriers: participants wait until enough of them are there, then all go on; again and again.
//
// Problem: N scripts on many hosts wait for each other at a name. Counting arrivals is the obvious way and
// fails at its edges: who died stays counted; a fast one that comes for the next round is counted in this
// one; a slow one that wakes up after the counter was put back waits for ever; an arrival that is sent again
// because its answer was lost counts twice; two that disagree about N pass with too few.
//
// Here a barrier is a sequence of numbered generations (the idea of the sense of a sense-reversing barrier:
// Hensgen, Finkel, Manber: Two algorithms for barrier synchronization, 1988, section 2). An arrival belongs
// to exactly one. A generation is released by the command in the log that completes it, and that command
// takes all of its participants out at once: nobody can be left in a generation that was released, and the
// next arrival begins a new one. A participant is a session: when that ends before the release, the arrival
// is withdrawn (or, where asked for, the generation is broken for all). Its random key makes an arrival that
// is repeated, over another peer or after a crash of its own, the same arrival. Of the generations that are
// over only the latest is kept. So who comes back says which is the earliest that may have counted it: unless
// all since then are kept it is told that nobody knows any more, rather than counted a second time.
//
// Commands: participants may bring one each. The generation is released as before (all start), and is over
// when each command has ended or is lost: a second barrier for the same participants.
//
// In turn: the generation is released as before, and then one command runs at a time, by the participants'
// ids: whose turn it is, is part of the state, and goes on by the command in the log that ends the one
// before. The first that fails or is lost breaks the generation, once nobody runs any more: who has had no
// turn has none. A file of who is next, or a lock that all queue for, would let the next one
// begin after a failure.
//
// Failures: a participant may arrive only to say that it has failed. That breaks its generation, also if it
// is the first one there; those of the count who have not come yet belong to it all the same and are told
// when they come, for Limits::late_window. Otherwise the others would wait for somebody who never comes.
//
// Quorum: once a delay has passed since the first arrival, fewer suffice. The places of those who are missing
// stay open for Limits::late_window: who comes then and has not taken part passes late, as a member of that
// generation. Who has taken part in it is early for the next.
//
// Costs are O(log n) a command plus those that
// it releases.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "service/barriers/commands.hpp"
#include "service/barriers/effects.hpp"
#include "service/barriers/limits.hpp"
#include "service/barriers/state.hpp"
#include "service/family.hpp"

namespace coord::service {

class Barriers : public FamilyBase {
 public:
  struct Change;  // what one command causes beside its answer: change.hpp

  // ---- what a family says of itself: family.hpp
  static constexpr std::uint32_t section = 4;
  static constexpr Level since = 1;
  using Commands = Types<Arrive, Depart, Finish, ResetBarrier>;
  using Shares = Types<>;
  using Answers = Types<BarrierArrived, BarrierDeparted, BarrierStays>;
  using News = Types<BarrierDone, BarrierMoved>;
  using Openings = Types<BarrierArrived>;
  using Orders = Types<>;
  using Questions = Types<>;
  using Views = Types<>;
  using Watched = Types<>;
  using StatePart = KeptBarriers;
  using LimitsPart = BarrierLimits;
  static constexpr bool ends_before_holds = true;
  static constexpr std::array timers{TimerKind::barrier_after, TimerKind::barrier_late};

  static Nature nature(const Arrive&) { return {.grows = true, .durable = false}; }
  static Nature nature(const Depart&) { return {.grows = false, .durable = false}; }
  static Nature nature(const Finish&) { return {.grows = false, .durable = false}; }
  static Nature nature(const ResetBarrier&) { return {.grows = false, .durable = false}; }
  template <class Visit>
  static void for_each_name(const KeptBarriers& state, Visit&& visit) {
    for (const auto& [name, barrier] : state.barriers.barriers) visit(name);
  }

  void on(const Arrive& body, Step& step);
  void on(const Depart& body, Step& step);
  void on(const Finish& body, Step& step);
  void on(const ResetBarrier& body, Step& step);
  void grants_again() {}  // what is closed lets its barriers go on
  void settle(Step&) {}
  void session_ends(SessionId session, End end, Step& step);
  std::optional<Standing> standing(SessionId, std::uint64_t) const { return std::nullopt; }
  Duration timer_length(TimerKind kind, Token token) const;
  std::vector<RunningTimer> running_timers() const;
  void timer_over(TimerKind kind, Token token, Step& step);
  bool busy() const { return false; }
  bool makes_durable() const { return false; }
  Status rebuild(Rebuild& rebuild);
  void list_holding(Words& words) const;
  void list_staying(Words&) const {}

  // ---- queries
  struct Seat {
    std::string name{}, id{};
    std::uint64_t number = 0;
  };
  const Seat* seat(SessionId session) const;  // null: it takes part in nothing
  // Whether all who arrived at the barrier, of whatever a reset would break, are
  // this user's; root always may.
  bool may_reset(const std::string& name, std::uint32_t uid, const std::string& user) const;

 private:
  using Place = std::pair<const std::string, Barrier>;  // a barrier with its name
  struct GenerationRef {                                // a generation with its surroundings
    Place& barrier;
    std::uint64_t number;
    Generation& generation;
  };
  struct Arrived {
    Refusal why = Refusal::none;
    std::uint64_t generation = 0;
  };

  BarrierState& state();
  const BarrierState& state() const;
  void take(Change&& change, Step& step);

  // ---- generations.cpp
  // `session` was, or will be, opened by the same command; what is refused has changed nothing.
  Arrived arrive(Change& change, const Arrive& body, SessionId session);
  // The session is about to end. `died`: not of its own will.
  void leave(Change& change, SessionId session, bool died);
  // The session's command has ended. False: it has none that runs.
  bool finish(Change& change, const Finish& body);
  // Breaks whatever gathers or runs. False: nobody was there.
  bool reset(Change& change, const std::string& name);
  void timer_over(Change& change, TimerKind kind, LogIndex of);
  Refusal check(const Arrive& body) const;
  Refusal fits(const Generation& generation, const Arrive& body) const;
  std::optional<Arrived> same_arrival(Change& change, Place& barrier, const Arrive& body, SessionId session);
  bool late(Change& change, Place& barrier, const Arrive& body, SessionId session);
  Arrived join(Change& change, const Arrive& body, SessionId session);
  void release_if_complete(Change& change, GenerationRef ref, const std::string& trigger);
  void break_up(Change& change, GenerationRef ref, const std::string& by, BreakCause cause);
  void fail(Change& change, GenerationRef ref, const Arrive& body);
  void end_if_over(Change& change, GenerationRef ref);
  // The command of that participant has ended, or it was lost before that.
  void command_over(Change& change, GenerationRef ref, const std::string& id);
  void next_turn(Change& change, GenerationRef ref);
  void dismiss(Change& change, GenerationRef ref, bool with_commands);
  GenerationRef generation_at(Change& change, const Seat& seat) const;

  // ---- kept.cpp
  void close_late(Change& change, Generation& generation) const;
  void stop_delay(Change& change, const Generation& generation) const;
  void tidy(Change& change, Place& barrier);
  void erase(Place& barrier, std::uint64_t number);
  void forget_one(Change& change);
  void not_used_now(const Barrier& barrier);
  bool rebuild_all(const BarrierState& state, LogIndex applied);

  // Computed from the state.
  std::map<SessionId, Seat> seats_;
  std::map<LogIndex, std::pair<std::string, std::uint64_t>> by_place_;  // generations, by their first arrival
  std::set<std::pair<LogIndex, std::string>> idle_;  // the one that is idle for longest first
  std::size_t bytes_ = 0, idle_bytes_ = 0;
  std::map<std::string, std::size_t> used_by_;  // barriers in use, by who began to
};

}  // namespace coord::service
