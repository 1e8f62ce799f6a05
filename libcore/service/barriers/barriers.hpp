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
// Quorum: once a delay has passed since the first arrival, fewer suffice. The places of those who are missing
// stay open for Limits::late_window: who comes then and has not taken part passes late, as a member of that
// generation. Who has taken part in it is early for the next.
//
// Pure; the Machine owns it and tells it of sessions that end. Costs are O(log n) a command plus those that
// it releases.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "service/barriers/state.hpp"
#include "service/commands.hpp"
#include "service/effects.hpp"
#include "service/limits.hpp"

namespace coord::service {

class Barriers {
 public:
  explicit Barriers(const Limits& limits = {}) : limits_(limits) {}
  void set_limits(const Limits& limits) { limits_ = limits; }

  // One command: the state that it changes, where it stands, and what it causes beside its answer.
  struct Step {
    BarrierState& state;
    Level level = first_level;
    LogIndex index{};
    WallTime wall{};
    Effects effects{};                 // BarrierMoved, TimerStarted, TimerEnded
    std::vector<SessionId> leavers{};  // sessions that have no part in a barrier any more: to be ended
  };

  struct Arrived {
    Refusal why = Refusal::none;
    std::uint64_t generation = 0;
  };
  // `session` was, or will be, opened by the same command; what is refused has changed nothing.
  Arrived arrive(Step& step, const Arrive& body, SessionId session);
  // The session is about to end. `died`: not of its own will.
  void leave(Step& step, SessionId session, bool died);
  // The session's command has ended. False: it has none that runs.
  bool finish(Step& step, const Finish& body);
  // Breaks whatever gathers or runs. False: nobody was there.
  bool reset(Step& step, const std::string& name);
  void timer_over(Step& step, TimerKind kind, LogIndex of);

  struct Seat {
    std::string name{}, id{};
    std::uint64_t number = 0;
  };
  const Seat* seat(SessionId session) const;  // null: it takes part in nothing
  // How long this timer of a generation was asked to run; zero: it does not run.
  Duration timer_length(const BarrierState& state, TimerKind kind, LogIndex of) const;
  // Every generation that is kept, by its first arrival.
  const std::map<LogIndex, std::pair<std::string, std::uint64_t>>& generations() const { return by_place_; }

  // From a snapshot: what can be computed. False: it contradicts itself.
  bool rebuild(const BarrierState& state, LogIndex applied);

 private:
  using Place = std::pair<const std::string, Barrier>;  // a barrier with its name
  struct Meeting {                                      // a generation with its surroundings
    Place& barrier;
    std::uint64_t number;
    Generation& generation;
  };

  Refusal check(const Arrive& body) const;
  Refusal fits(const Generation& generation, const Arrive& body) const;
  std::optional<Arrived> same_arrival(Step& step, Place& barrier, const Arrive& body, SessionId session);
  bool late(Step& step, Place& barrier, const Arrive& body, SessionId session);
  Arrived join(Step& step, const Arrive& body, SessionId session);
  void release_if_complete(Step& step, Meeting meeting, const std::string& trigger);
  void break_up(Step& step, Meeting meeting, const std::string& dead);
  void end_if_over(Step& step, Meeting meeting);
  void dismiss(Step& step, Meeting meeting, bool with_commands);
  void close_late(Step& step, Generation& generation) const;
  void stop_delay(Step& step, const Generation& generation) const;
  void tidy(Step& step, Place& barrier);
  void erase(Place& barrier, std::uint64_t number);
  void forget_one(Step& step);
  void not_used_now(const Barrier& barrier);
  Meeting meeting_of(Step& step, const Seat& seat) const;

  Limits limits_;
  // Computed from the state.
  std::map<SessionId, Seat> seats_;
  std::map<LogIndex, std::pair<std::string, std::uint64_t>> by_place_;
  std::set<std::pair<LogIndex, std::string>> idle_;  // the one that is idle for longest first
  std::size_t bytes_ = 0, idle_bytes_ = 0;
  std::map<std::string, std::size_t> used_by_;  // barriers in use, by who began to
};

}  // namespace coord::service
