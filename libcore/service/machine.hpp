// The replicated state machine: sessions, and the locks that they hold and wait for.
//
// Problem: shell scripts on many hosts take turns; hosts, peers and scripts die at any point. A lock server
// on one host dies with it. Copies that each decide for themselves disagree. So every change is a command in
// Raft's log and every peer applies the same commands in the same order to the same state: this class. It
// must then be deterministic: no clock (the leader's Keeper decides when a lease or timer is over, and says
// so in a command), no randomness, ordered containers only.
//
// Locks. A request names one or more locks and is granted all of them at once or none, under one token. It is
// granted when it can share every one of its names with their holders and with every request that waits for
// that name since before. So the queue of a name is first in, first out: a shared request does not overtake a
// waiting exclusive one (readers cannot starve a writer), and of all requests the oldest waits for holders
// only: no deadlock among requests.
//
// Nesting. A command under a hold may itself ask for locks (`inside`: the sessions that it runs under, which
// its peer has proved). What those hold it re-enters: it waits for nobody there and counts with their hold,
// one family. A name is free when the last of a family has gone, in whatever order they go. A wait that could
// never end is refused, or ended (locks/wait_graph.hpp).
//
// Joining. A request may join the hold of the same command (`join`): it stands in no line, and ends with
// that command's status. If that hold ends without one (its holder was lost), whoever had joined it stands in
// line by its own place; the first to be granted runs, and the others join that one.
//
// Tokens (fencing): each grant's token is max(last + 1, base + place in the log): strictly increasing over
// all locks of the group, whatever is restored from where, below 2^53 so that every language's numbers hold
// it.
//
// A session belongs to a peer and ends by Close or Expire. What it held is released, what it waited for is
// withdrawn (etcd #9921: a grant to a dead lease). A hold may leave its names shut behind it for its minimum
// hold or, when its holder was lost, for its lock delay: a Remnant. Names that nobody holds, waits for or
// keeps shut are not stored.
//
// Leaderships. A name may be led by one session, under a term that is a token like others; its candidates
// queue by priority, then by place. They have nothing to do with the lock of the same name. A leader is told
// to step down (StepDown), never just replaced: its session resigns once its command has ended, or ends. What
// is written down of work done: elections/slots.hpp.
//
// Barriers are in barriers/barriers.hpp; here they are sessions that take part in one.
//
// Levels. What a rule decides may change with the group's level (base/level.hpp), never with the release that
// applies it: a rule that came later asks Step::level.
//
// Inputs: apply, apply_raise, restore. Queries: the rest. No threads. Costs are O(log n) a command plus the
// grants that it causes.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "service/barriers/barriers.hpp"
#include "service/commands.hpp"
#include "service/effects.hpp"
#include "service/elections/slots.hpp"
#include "service/level.hpp"
#include "service/limits.hpp"
#include "service/locks/lock_table.hpp"
#include "service/state.hpp"

namespace coord::service {

Error inconsistent(std::string what);  // a snapshot whose parts do not fit

// Where a request stands now.
struct Standing {
  enum class Kind : std::uint8_t { no_session, no_request, waiting, held, joined } kind = Kind::no_session;
  Token token;              // held; joined: the other's
  std::uint8_t status = 0;  // joined: of the command that had held
  bool operator==(const Standing&) const = default;
};

class Machine {
 public:
  Machine() = default;
  // With bounds of its own, whatever its level: for tests.
  explicit Machine(Limits limits) : limits_(limits), own_limits_(false), barriers_(limits) {}

  // From a snapshot. An error: it contradicts itself, so whoever wrote it had lost its mind or it is not a
  // snapshot.
  static Result<Machine> restore(State state, std::optional<Limits> limits = {});
  // A new group's, at this level from the start: for tests.
  static Machine at_level(Level level) {
    Machine machine;
    machine.set_level(level);
    return machine;
  }

  // `index` is above every one before. What a command asks for wrongly is refused in its effects, never an
  // error.
  Effects apply(LogIndex index, const Command& command);
  // `voters`: of the group. Void, and RaiseApplied says so, unless each has announced it and still lives.
  Effects apply_raise(LogIndex index, const Raise& raise, const std::vector<NodeId>& voters);

  const State& state() const { return state_; }  // what a snapshot stores
  Level level() const { return state_.level; }
  const Limits& limits() const { return limits_; }
  const LockTable& locks() const { return locks_; }
  const Barriers& barriers() const { return barriers_; }

  ClientId registration(NodeId node) const;  // 0: none; for Register::replaces
  Outcome outcome(NodeId node, ClientId client, std::uint64_t sequence) const;
  Standing standing(SessionId session, std::uint64_t request) const;
  const Session* session(SessionId id) const;  // null: ended, or never was
  std::vector<SessionId> sessions_of(NodeId node) const;
  bool timer_runs(TimerKind kind, Token token) const;  // TimerStarted and not over
  // The requests of a session by number; empty when it has none.
  const std::map<std::uint64_t, LogIndex>& requests_of(SessionId session) const;
  // The waiting requests that are the session's own, or were asked from inside of it.
  const std::set<LogIndex>& waits_under(SessionId session) const;

  // Of a session's request: the candidacy that it is, and of which name; null: it is none.
  const std::string* candidacy_of(SessionId session, std::uint64_t request) const;
  const Candidate* candidate(SessionId session, std::uint64_t request) const;
  const Leadership* leadership_of(Token term) const;  // led, or kept shut, under it; null: over

  // Whether this user may take part in ending what others have; root always may.
  // By a candidacy with `preempt`: the leader that it would depose is the same user's, or there is none.
  bool may_preempt(const std::string& name, const Candidacy& wish, std::uint32_t uid,
                   const std::string& user) const;
  // All who arrived at the barrier, of whatever it would break, are this user's.
  bool may_reset(const std::string& name, std::uint32_t uid, const std::string& user) const;

  // What a request finds held by those whom it is inside of.
  struct Entry {
    std::vector<Token> entered{};  // as Request::entered: of each name, whom it would be held together with
    bool shared_only = false;      // a name that it wants alone is only shared by them
    // Whether the request must be let in at this name as anyone else.
    bool takes(const Request& request, const std::string& name) const;
  };
  Entry entry(const Request& request) const;

 private:
  // One apply(): where it stands, what it has caused, and the names at which someone may be let in now.
  struct Step {
    LogIndex index;
    Level level;
    AnswerTo to;
    WallTime wall;
    Effects effects;
    std::set<std::string> touched;
    std::set<LogIndex> candidates;  // waits to look at beside those at `touched`
    std::set<LogIndex> suspects;    // waits that may be part of a deadlock now
    std::set<std::string> open;     // leaderships that somebody may take now, or whose slots were settled
    std::set<std::string> changed;  // leaderships that look different now
  };

  // How a hold ends.
  struct End {
    CloseReason why = CloseReason::finished;
    std::optional<std::uint8_t> status;
    bool lost() const { return why == CloseReason::expired || why == CloseReason::holder_gone; }
  };

  void set_level(Level level);
  bool may_grant(const Entry& inside) const;
  bool has_announced(NodeId voter, const Raise& raise) const;
  void dispatch(const Command& command, Step& step);
  Registration* begin_once(const Command& command, Step& step);
  void on(const Register& body, Step& step);
  void on(const Acquire& body, Step& step);
  void on(const Cancel& body, Step& step);
  void on(const Release& body, Step& step);
  void on(const Close& body, Step& step);
  void on(const Renew& body, Step& step);
  void on(const Expire& body, Step& step);
  void on(const Break& body, Step& step);
  void on(const TimerOver& body, Step& step);
  void on(const TokenFloor& body, Step& step);
  void on(const Shut& body, Step& step);
  void on(const Complete& body, Step& step);
  void on(const Depose& body, Step& step);
  bool may_change(const std::string& name, NodeId node, std::uint32_t uid, const std::string& user) const;
  void on(const Enroll& body, Step& step);
  void on(const Withdraw& body, Step& step);
  void on(const Arrive& body, Step& step);
  void on(const Depart& body, Step& step);
  void on(const Finish& body, Step& step);
  void on(const ResetBarrier& body, Step& step);

  Refusal check_open(const Open& open, NodeId node) const;
  Refusal check_session(SessionId session, NodeId node) const;
  Refusal check_request(const Acquire& body, const Request& request) const;
  // ---- users.cpp
  Refusal check_user(const Acquire& body, Level level) const;
  bool may_depose(const Candidate& leader, std::uint32_t uid, const std::string& user) const;
  void count_names(const Owner& owner, const std::vector<std::string>& names);
  void uncount_names(const Owner& owner, const std::vector<std::string>& names);

  std::optional<LogIndex> find_request(SessionId session, std::uint64_t number) const;

  std::vector<SessionId> proved(const std::vector<SessionId>& inside, NodeId node) const;
  void wait_in_line(LogIndex place);
  void leave_line(LogIndex place, const Request& request);
  void suspect_waits(const Request& request, Step& step) const;
  void end_deadlocks(Step& step);

  // locks/joining.cpp
  LogIndex same_run(const Request& request, const std::string& user) const;
  bool runs_the_same(const Request& request, const std::string& user, const Request& hold) const;
  void join(LogIndex place, LogIndex hold);
  void join_what_was_granted(LogIndex hold, Step& step);
  void end_joined(LogIndex place, const Request& hold, std::optional<std::uint8_t> status, Step& step);
  void note_history(const Request& hold, const End& end, const Step& step);
  void forget_history(std::map<std::string, NameHistory>::iterator name);
  Barriers::Step in_barriers(const Step& step);
  void take(Barriers::Step&& from, Step& step);
  void leave_barrier(SessionId id, CloseReason why, Step& step);

  Status rebuild();
  Status rebuild_request(LogIndex place, const Request& request);
  // ---- elections/elections.cpp
  void campaign(const Acquire& body, Step& step);
  Refusal check_candidacy(const Acquire& body) const;
  Refusal check_slot(const Acquire& body, WallTime wall) const;
  void elect_next(Step& step);
  bool lead_next(const std::string& name, Leadership& leadership, Step& step);
  void settle_slots(const std::string& name, Leadership& leadership, Step& step);
  void end_candidacy(SessionId session, std::uint64_t number, Step& step, AnswerTo to);
  void end_candidacies(SessionId session, Step& step);
  void forget_candidacy(SessionId session, std::uint64_t number);
  bool end_leadership_timer(Token term, Step& step);
  Refusal room_for(const std::string& name, const SlotWish* wish, const Owner& owner, WallTime wall);
  void forget_of_user(const std::string& user, const std::string& name, WallTime wall);
  void write_down(const std::string& name, const SlotWish* slot, const Owner& owner, const Step& step,
                  const std::function<void(SlotBook&)>& change);
  Status rebuild_elections();
  Status rebuild_leadership(const std::string& name, const Leadership& leadership);

  void open_session(const Open& open, SessionId id, Step& step);
  void count_session(const Session& session);
  void uncount_session(const Session& session);
  void end_session(SessionId id, End end, Step& step, AnswerTo to);
  void grant(LogIndex place, Step& step, AnswerTo to);
  void grant_next(Step& step);
  void end_hold(LogIndex place, End end, Step& step, AnswerTo to);
  void withdraw(LogIndex place, Step& step, AnswerTo to);
  void forget_request(LogIndex place, const Request& request);
  Token next_token(LogIndex index);

  Limits limits_;
  bool own_limits_ = true;  // limits_ are those of its level
  State state_;

  // Computed from state_.
  LockTable locks_;
  Barriers barriers_;
  std::map<SessionId, std::map<std::uint64_t, LogIndex>> requests_of_;  // only sessions that have some
  std::map<SessionId, std::set<LogIndex>> waits_under_;                 // only sessions that have some
  std::map<Token, LogIndex> place_of_;  // of the request that holds with this token
  std::map<SessionId, std::map<std::uint64_t, std::string>> candidacies_of_;  // only sessions that have some
  std::map<Token, std::string> led_under_;  // of names that are led or kept shut
  std::size_t candidates_ = 0;
  SlotTotals slots_;
  std::map<std::pair<NodeId, std::uint32_t>, std::size_t> sessions_of_user_;
  std::map<LogIndex, std::set<LogIndex>> joiners_;             // of a hold, by its request's place
  std::map<std::string, std::set<LogIndex>> would_join_;       // requests in line, by their first name
  std::set<std::pair<LogIndex, std::string>> history_by_age_;  // the least recently used first
  std::size_t history_bytes_ = 0;
  std::size_t owner_bytes_ = 0;                       // of sessions and remnants
  std::size_t name_bytes_ = 0;                        // of requests and remnants
  std::map<std::string, std::size_t> names_of_user_;  // how many they name, by their owner's user
};

}  // namespace coord::service
