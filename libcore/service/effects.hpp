// What applying a command changed: the machine's answers, and news for sessions that did not ask.
//
// Every command of a client has exactly one answer: the effect whose `to` names it (Opened, too, names it,
// and is followed by the answer). Effects with to.client 0 are consequences: a Release's Granted for the next
// in line. All peers see the same effects; a peer acts on those for its own sessions and commands, the
// leader's Keeper on timers.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/commands.hpp"

namespace coord::service {

// The command that an effect answers; client 0: none.
struct AnswerTo {
  NodeId node{};
  ClientId client{};
  std::uint64_t sequence = 0;

  auto operator<=>(const AnswerTo&) const = default;
};

enum class Refusal : std::uint8_t {
  none,
  held,                   // wait was false and not all of it is free
  slots_differ,           // the name is in use with another number of slots
  invalid,                // a field out of its range: names, slots, durations, mode
  no_such_session,        // it has ended, or never was
  not_your_session,       // it belongs to another peer
  request_in_use,         // the session holds or waits under this number already
  no_such_request,        // nothing is held or waited for under this number
  not_held,               // release of what is still waited for
  too_many_sessions,      // of the group
  too_many_of_user,       // sessions of this user on this peer
  too_many_requests,      // holds and waits of the group
  too_many_of_session,    // holds and waits of this session
  too_many_names,         // names in use in the group
  owner_too_long,         // the owner's strings
  too_many_owner_bytes,   // all sessions' owner strings together
  too_far_ahead,          // sequence beyond the window: settle older ones first; it may be sent again
  registration_replaced,  // Register: another one is current
  exclusive_in_shared,    // what it is inside of shares the name: it would wait for itself
  rate_differs,           // the name is in use with another rate, or as a lock
  deadlock,               // it would wait for something that waits for it
  not_permitted,          // Break: neither root nor the owner
  slot_done,              // the slot is complete, or its period is over
  slot_running,           // wait was false, and the leader does the work of the same slot
  attempts_used,          // the slot was begun as often as it may be
  too_many_slots,         // remembered in the group
  not_leading,            // the name is not led, or not by this one
  id_in_use,              // a participant with this id is in the barrier already
  terms_differ,           // the barrier gathers under another count, quorum, delay or list of expected
  not_expected,           // all places belong to others, by name
  too_many_barriers,      // barriers, or bytes of them, in the group
  no_such_barrier,        // nobody waits or runs there
  no_command,             // the session has no command that runs in a barrier
  generation_over,        // it arrived in one that has ended, and is not known any more
  other_users_enrolment,  // neither root nor who enrolled the host
  not_enrolled,           // the host does not stand for the name
  // From level 2 on.
  not_yours,               // a name, a leader or a barrier of another user's
  too_many_names_of_user,  // Limits::names_of_user
  too_many_slots_of_user,
  too_many_barriers_of_user,
  moving,  // wait was false, and this peer is closed: a group is to take its place
};

// What happened and what to do, in words: "too many sessions: close some, or wait".
std::string describe(Refusal why);

// One step of a cycle of waits: `waiter` waits for `name`, which `blocker` holds, or waits for since before.
// Between this blocker and the next waiter: they are the same, or the waiter was asked for inside the
// blocker.
struct CycleLink {
  SessionId waiter{};
  std::string name{};
  SessionId blocker{};
  bool holds = true;  // false: it is before the waiter in line
  bool operator==(const CycleLink&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(waiter, name, blocker, holds);
  }
};
using Cycle = std::vector<CycleLink>;  // at most Limits::shown_cycle: the first ones

struct Registered {
  NodeId node{};
  std::uint64_t nonce = 0;
  ClientId client{};  // commands carry this from now on
  bool operator==(const Registered&) const = default;
};
// The Register named another registration than the current one as the one that it replaces: try again with
// this one.
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
struct Granted {
  AnswerTo to{};  // client 0: it had waited
  SessionId session{};
  std::uint64_t request = 0;
  Token token{};
  Mode mode = Mode::exclusive;
  std::uint32_t slots = 1;
  std::vector<std::string> names{};
  bool reentered = false;    // every name was held by what it is inside of: the token is that hold's
  std::string leadership{};  // not empty: it leads this name, under the token as its term; no names then
  bool operator==(const Granted&) const = default;
};
struct Queued {
  AnswerTo to{};
  SessionId session{};
  std::uint64_t request = 0;
  bool operator==(const Queued&) const = default;
};
struct Refused {
  AnswerTo to{};
  SessionId session{};
  std::uint64_t request = 0;
  Refusal why = Refusal::none;
  Cycle cycle{};  // why: deadlock
  bool operator==(const Refused&) const = default;
};
// A waiting request is gone: as asked (`to`), or because its session ended.
struct Cancelled {
  AnswerTo to{};
  SessionId session{};
  std::uint64_t request = 0;
  bool operator==(const Cancelled&) const = default;
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
// Cancel came too late: the hold stands.
struct AlreadyGranted {
  AnswerTo to{};
  SessionId session{};
  std::uint64_t request = 0;
  Token token{};
  bool operator==(const AlreadyGranted&) const = default;
};
// A hold is over: as asked (`to`), or because its session ended. The names may still be shut by a timer
// (TimerStarted).
struct Released {
  AnswerTo to{};
  SessionId session{};
  std::uint64_t request = 0;
  Token token{};
  std::vector<std::string> names{};
  bool operator==(const Released&) const = default;
};
struct Closed {
  AnswerTo to{};  // client 0 when it expired
  SessionId session{};
  NodeId node{};
  CloseReason why = CloseReason::finished;
  bool operator==(const Closed&) const = default;
};
struct Renewed {
  AnswerTo to{};
  std::vector<std::pair<SessionId, std::uint64_t>> renewed{};  // with the new renewal number
  std::vector<SessionId> gone{};                               // ended, or not this peer's
  bool operator==(const Renewed&) const = default;
};
// A candidate that had waited is gone although its session lives: its slot is complete, or used up.
struct Dismissed {
  SessionId session{};
  std::uint64_t request = 0;
  Refusal why = Refusal::none;
  bool operator==(const Dismissed&) const = default;
};
// The leader is to stop its command and resign.
struct StepDown {
  SessionId session{};
  std::uint64_t request = 0;
  bool preempted = false;  // by a candidate of higher priority; else somebody asked for it
  bool operator==(const StepDown&) const = default;
};
// Somebody leads, stands, or no longer does; or something was completed: for those who watch the name.
struct LeadershipChanged {
  std::string name{};
  bool operator==(const LeadershipChanged&) const = default;
};
// The leader proposes TimerOver{kind, token} once `length` has passed.
struct TimerStarted {
  TimerKind kind = TimerKind::lock_delay;
  Token token{};
  Duration length{};
  bool operator==(const TimerStarted&) const = default;
};
struct TimerEnded {
  TimerKind kind = TimerKind::lock_delay;
  Token token{};
  bool operator==(const TimerEnded&) const = default;
};
// Applied before: nothing was done. What became of it then: Machine::outcome().
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

// The arrival has its place in that generation. If that is over for it already, BarrierMoved follows.
struct BarrierArrived {
  AnswerTo to{};
  SessionId session{};
  Duration ttl{};
  std::string name{};
  std::uint64_t generation = 0;
  bool operator==(const BarrierArrived&) const = default;
};
// As asked for; the session ends. Or too late: the release was ordered first.
struct BarrierDeparted {
  AnswerTo to{};
  SessionId session{};
  bool operator==(const BarrierDeparted&) const = default;
};
struct BarrierStays {
  AnswerTo to{};
  SessionId session{};
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

// The group is at this level from now on; or it is not, because a voter's life is another than when it was
// asked.
struct RaiseApplied {
  Level level = first_level;
  bool in_force = false;
  bool operator==(const RaiseApplied&) const = default;
};

using Effect =
    std::variant<Registered, NotRegistered, Opened, Granted, Queued, Refused, Cancelled, AlreadyGranted,
                 Released, Closed, Renewed, TimerStarted, TimerEnded, Duplicate, Stale, Deadlocked,
                 BreakAsked, Joined, Dismissed, StepDown, LeadershipChanged, BarrierArrived, BarrierDeparted,
                 BarrierStays, BarrierDone, BarrierMoved, RaiseApplied>;
using Effects = std::vector<Effect>;

// What became of a command, kept until the client has settled it: for a peer that got a snapshot in place of
// the entry, or that sees Duplicate.
enum class OutcomeKind : std::uint8_t {
  pending,    // not applied (yet)
  forgotten,  // settled by the client's own word
  stale,    // the registration is not current: it has not been applied and never will be, or was settled long
            // ago
  granted,  // at once; the session may have ended since
  queued,   // it may have been granted or withdrawn since: Machine::standing()
  refused,
  cancelled,
  already_granted,
  released,
  closed,
  renewed,
  done,     // a command without an answer of its own
  arrived,  // in a barrier, in the generation that `token` names
  departed,
  stays,  // the barrier was released before
};

struct Outcome {
  OutcomeKind kind = OutcomeKind::pending;
  Refusal why = Refusal::none;
  SessionId session{};
  std::uint64_t request = 0;
  Token token{};
  Cycle cycle{};  // why: deadlock

  bool operator==(const Outcome&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(kind, why, session, request, token, cycle);
  }
};

}  // namespace coord::service
