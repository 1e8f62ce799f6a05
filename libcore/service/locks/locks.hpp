// SPDX-License-Identifier: MIT
// Locks as the log sees them: requests, grants, and what a hold leaves behind.
//
// A request names one or more locks and is granted all of them at once or none, under one token. It is
// granted when it can share every one of its names with their holders and with every request that waits for
// that name since before. So the queue of a name is first in, first out: a shared request does not overtake a
// waiting exclusive one (readers cannot starve a writer), and of all requests the oldest waits for holders
// only: no deadlock among requests.
//
// Nesting. A command under a hold may itself ask for locks (`inside`: the sessions that it runs under, which
// its peer has proved). What those hold it re-enters: it waits for nobody there and counts with their hold,
// one family. A name is free when the last of a family has gone, in whatever order they go. A wait that could
// never end is refused, or ended (wait_graph.hpp).
//
// Joining. A request may join the hold of the same command (`join`): it stands in no line, and ends with
// that command's status. If that hold ends without one (its holder was lost), whoever had joined it stands in
// line by its own place; the first to be granted runs, and the others join that one.
//
// When a session ends, what it held is released, what it waited for is withdrawn (etcd #9921: a grant to a
// dead lease). A hold may leave its names shut behind it for its minimum hold or, when its holder was lost,
// for its lock delay: a LingeringHold. Names that nobody holds, waits for or keeps shut are not stored.
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
#include "service/family.hpp"
#include "service/locks/effects.hpp"
#include "service/locks/limits.hpp"
#include "service/locks/lock_table.hpp"
#include "service/locks/state.hpp"

namespace coord::service {

class Locks : public FamilyBase {
 public:
  // ---- what a family says of itself: family.hpp
  static constexpr std::uint32_t section = 2;
  static constexpr Level since = 1;
  using Commands = Types<Acquire, Cancel, Release>;
  using Shares = Types<>;
  using Answers = Types<Granted, Queued, Cancelled, AlreadyGranted, Released>;
  using News = Types<Deadlocked, Joined>;
  using Openings = Types<>;
  using Orders = Types<>;
  using Questions = Types<>;
  using Views = Types<>;
  using Watched = Types<>;
  using StatePart = LockState;
  using LimitsPart = LockLimits;
  static constexpr bool ends_before_holds = false;
  static constexpr std::array timers{TimerKind::lock_delay, TimerKind::min_hold, TimerKind::idle_epoch};

  static Nature nature(const Acquire&) { return {.grows = true, .durable = false}; }
  static Nature nature(const Cancel&) { return {.grows = false, .durable = false}; }
  static Nature nature(const Release&) { return {.grows = false, .durable = false}; }
  template <class Visit>
  static void for_each_name(const LockState& state, Visit&& visit) {
    for (const auto& [place, request] : state.requests) {
      for (const std::string& name : request.names) visit(name);
    }
    for (const auto& [token, lingering_hold] : state.lingering_holds) {
      for (const std::string& name : lingering_hold.names) visit(name);
    }
    for (const auto& [name, epoch] : state.epochs) visit(name);
  }

  void on(const Acquire& body, Step& step);
  void on(const Cancel& body, Step& step);
  void on(const Release& body, Step& step);
  void grants_again();
  void settle(Step& step);
  void session_ends(SessionId session, End end, Step& step);
  void voters_are(const std::vector<NodeId>& voters, Step& step);
  std::optional<Standing> standing(SessionId session, std::uint64_t number) const;
  Duration timer_length(TimerKind kind, Token token) const;
  std::vector<RunningTimer> running_timers() const;
  void timer_over(TimerKind kind, Token token, Step& step);
  bool busy() const;  // a name is kept shut
  bool makes_durable() const { return false; }
  Status rebuild(Rebuild& rebuild);
  void list_holding(Words& words) const;
  void list_staying(Words& words) const;

  // ---- queries
  const LockTable& table() const { return table_; }
  // The requests of a session by number; empty when it has none.
  const std::map<std::uint64_t, LogIndex>& requests_of(SessionId session) const;
  // The waiting requests that are the session's own, or were asked from inside of it.
  const std::set<LogIndex>& waits_under(SessionId session) const;

  // What a request finds held by those whom it is inside of.
  struct Entry {
    std::vector<Token> entered{};  // as Request::entered: of each name, whom it would be held together with
    bool shared_only = false;      // a name that it wants alone is only shared by them
    // Whether the request must be let in at this name as anyone else.
    bool takes(const Request& request, const std::string& name) const;
  };
  Entry entry(const Request& request) const;
  const std::map<LogIndex, Request>& requests() const { return state().requests; }
  // The name that is in this epoch; nullptr: it is over.
  const std::string* name_in(Token epoch) const;
  const Epoch* epoch_of(const std::string& name) const;
  const std::map<std::string, Epoch>& epochs() const { return state().epochs; }
  // Who names no sites would take part there, on this node.
  bool has_open_epoch(const std::string& name, NodeId node) const;
  // The most tokens that commands by this time may give to those who wait, with what epochs take for them and
  // for so many more who ask to take part.
  std::uint64_t tokens_to_come(std::size_t more_take_part, WallTime wall) const;

 private:
  LockState& state();
  const LockState& state() const;

  Refusal check_request(const Acquire& body, const Request& request) const;
  Refusal check_user(const Acquire& body, Level level) const;
  std::optional<LogIndex> find_request(SessionId session, std::uint64_t number) const;
  void grant(LogIndex place, Step& step, AnswerTo to);
  void grant_next(Step& step);
  void end_hold(LogIndex place, End end, Step& step, AnswerTo to);
  void withdraw(LogIndex place, Step& step, AnswerTo to);
  void forget_request(LogIndex place, const Request& request);

  // ---- epochs.cpp
  Refusal check_part(const Acquire& body, const Request& request, NodeId node) const;
  Refusal check_epochs_of(const Owner& owner, const Acquire& body) const;
  const std::string& begins_for(const std::set<LogIndex>& awaited) const;
  bool begins_epoch(const Acquire& body) const;
  Refusal check_room_for_part(const Acquire& body) const;
  Refusal check_end(const Acquire& body, const Request& request) const;
  bool entry_fits(const Request& request) const;
  void close_epoch(const std::string& name, Step& step);
  void begin_epoch(Request& request, Step& step);
  void end_epochs(const std::vector<std::string>& names, Step& step);
  void end_epoch(const std::string& name, Step& step);
  bool is_in_epoch(const std::string& name, Token epoch) const;
  bool is_idle(const std::string& name) const;
  Duration idle_for(Token epoch) const;
  void idle_over(Token epoch, Step& step);
  void count_sites(LogIndex place, const Request& request);
  void uncount_sites(LogIndex place, const Request& request);
  Status rebuild_epochs();

  // ---- nesting.cpp
  std::vector<SessionId> proved(const std::vector<SessionId>& inside, NodeId node) const;
  void wait_in_line(LogIndex place);
  void leave_line(LogIndex place, const Request& request);
  void suspect_waits(const Request& request);
  void end_deadlocks(Step& step);

  // ---- joining.cpp
  LogIndex same_run(const Request& request, const std::string& user) const;
  bool runs_the_same(const Request& request, const std::string& user, const Request& hold) const;
  void join(LogIndex place, LogIndex hold);
  void join_what_was_granted(LogIndex hold);
  void end_joined(LogIndex place, const Request& hold, std::optional<std::uint8_t> status, Step& step);
  void note_history(const Request& hold, const End& end, const Step& step);
  void forget_history(std::map<std::string, NameHistory>::iterator name);

  Status rebuild_lingering_hold(Token token, const LingeringHold& lingering_hold, Rebuild& rebuild);
  Status rebuild_request(LogIndex place, const Request& request, Rebuild& rebuild);

  // Computed from the state.
  LockTable table_;
  std::map<SessionId, std::map<std::uint64_t, LogIndex>> requests_of_;  // only sessions that have some
  std::map<SessionId, std::set<LogIndex>> waits_under_;                 // only sessions that have some
  std::map<Token, LogIndex> place_of_;                         // of the request that holds with this token
  std::map<LogIndex, std::set<LogIndex>> joiners_;             // of a hold, by its request's place
  std::map<std::string, std::set<LogIndex>> would_join_;       // requests in line, by their first name
  std::set<std::pair<LogIndex, std::string>> history_by_age_;  // the least recently used first
  std::size_t history_bytes_ = 0;
  std::map<Token, std::string> epochs_;                // by number
  std::map<LogIndex, std::size_t> site_bytes_;         // of requests in line that take part
  std::map<std::string, std::set<LogIndex>> awaited_;  // names in which some wait to take part: by whom
  std::size_t all_site_bytes_ = 0;

  // Of the command that is applied; empty once it is settled.
  std::set<std::string> touched_;  // names at which someone may be let in now
  std::set<LogIndex> candidates_;  // waits to look at beside those at `touched_`
  std::set<LogIndex> suspects_;    // waits that may be part of a deadlock now
};

}  // namespace coord::service
