// SPDX-License-Identifier: MIT
// What a command may be answered, and what is kept of its answer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "service/session.hpp"

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
  permits_differ,         // the name is in use with another number of permits
  invalid,                // a field out of its range: names, permits, durations, mode
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
  moving,              // wait was false, and this peer is closed: a group is to take its place
  wrong_version,       // the key has another one than was named
  lives_with_command,  // the key belongs to a session
  no_such_key,
  too_many_values,  // keys, or bytes of values, in the group
  too_many_values_of_user,
  ring_is_changing,  // a host comes or goes already
  not_in_ring,
  last_in_ring,  // what it keeps would be lost
  forgotten,     // after it was proposed
  no_such_decision,
  too_many_decisions,  // names, or bytes of values, in the group
  too_many_decisions_of_user,
  too_many_transactions,  // in the group, or of the user
  counts_differ,          // of participants
  all_have_come,          // as many as the transaction has
  run_replaced,           // the participant has come again since
  not_decided,            // the transaction
  no_such_transaction,
  algorithms_differ,  // of the name's first entry, and this one's
  entries_differ,     // another algorithm lets in there, or the group's log
  no_such_epoch,      // no algorithm lets in there
  too_many_epochs,    // in the group, or its tokens are used up
  too_many_epochs_of_user,
  no_such_site,  // it is no host of the group any more
};
constexpr const char* name_of(Refusal value) {
  switch (value) {
    using enum Refusal;
    case none:
      return "none";
    case held:
      return "held";
    case permits_differ:
      return "slots differ";
    case invalid:
      return "invalid";
    case no_such_session:
      return "no such session";
    case not_your_session:
      return "not your session";
    case request_in_use:
      return "request in use";
    case no_such_request:
      return "no such request";
    case not_held:
      return "not held";
    case too_many_sessions:
      return "too many sessions";
    case too_many_of_user:
      return "too many of user";
    case too_many_requests:
      return "too many requests";
    case too_many_of_session:
      return "too many of session";
    case too_many_names:
      return "too many names";
    case owner_too_long:
      return "owner too long";
    case too_many_owner_bytes:
      return "too many owner bytes";
    case too_far_ahead:
      return "too far ahead";
    case registration_replaced:
      return "registration replaced";
    case exclusive_in_shared:
      return "exclusive in shared";
    case rate_differs:
      return "rate differs";
    case deadlock:
      return "deadlock";
    case not_permitted:
      return "not permitted";
    case slot_done:
      return "slot done";
    case slot_running:
      return "slot running";
    case attempts_used:
      return "attempts used";
    case too_many_slots:
      return "too many slots";
    case not_leading:
      return "not leading";
    case id_in_use:
      return "id in use";
    case terms_differ:
      return "terms differ";
    case not_expected:
      return "not expected";
    case too_many_barriers:
      return "too many barriers";
    case no_such_barrier:
      return "no such barrier";
    case no_command:
      return "no command";
    case generation_over:
      return "generation over";
    case other_users_enrolment:
      return "other users enrolment";
    case not_enrolled:
      return "not enrolled";
    case not_yours:
      return "not yours";
    case too_many_names_of_user:
      return "too many names of user";
    case too_many_slots_of_user:
      return "too many slots of user";
    case too_many_barriers_of_user:
      return "too many barriers of user";
    case moving:
      return "moving";
    case wrong_version:
      return "wrong version";
    case lives_with_command:
      return "lives with command";
    case no_such_key:
      return "no such key";
    case too_many_values:
      return "too many values";
    case too_many_values_of_user:
      return "too many values of user";
    case ring_is_changing:
      return "ring is changing";
    case not_in_ring:
      return "not in ring";
    case last_in_ring:
      return "last in ring";
    case forgotten:
      return "forgotten";
    case no_such_decision:
      return "no such decision";
    case too_many_decisions:
      return "too many decisions";
    case too_many_decisions_of_user:
      return "too many decisions of user";
    case too_many_transactions:
      return "too many transactions";
    case counts_differ:
      return "counts differ";
    case all_have_come:
      return "all have come";
    case run_replaced:
      return "run replaced";
    case not_decided:
      return "not decided";
    case no_such_transaction:
      return "no such transaction";
    case entries_differ:
      return "entries differ";
    case no_such_epoch:
      return "no such epoch";
    case too_many_epochs:
      return "too many epochs";
    case too_many_epochs_of_user:
      return "too many epochs of user";
    case no_such_site:
      return "no such site";
    case algorithms_differ:
      return "algorithms differ";
  }
  return nullptr;
}

// What happened and what to do, in words: "too many sessions: close some, or wait".
std::string describe(Refusal why);

// One step of a cycle of waits: `waiter` waits for `name`, which `blocker` holds, or waits for
// since before. Between this blocker and the next waiter: they are the same, or the waiter was
// asked for inside the blocker.
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

// What became of a command, kept until the client has settled it: for a peer that got a snapshot in place
// of the entry, or that sees Duplicate.
enum class OutcomeKind : std::uint8_t {
  pending,    // not applied (yet)
  forgotten,  // settled by the client's own word
  // the registration is not current: it has not been applied and never will be, or was settled long ago
  stale,
  granted,  // at once; the session may have ended since
  queued,   // it may have been granted or withdrawn since: StateMachine::standing()
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
constexpr const char* name_of(OutcomeKind value) {
  switch (value) {
    using enum OutcomeKind;
    case pending:
      return "pending";
    case forgotten:
      return "forgotten";
    case stale:
      return "stale";
    case granted:
      return "granted";
    case queued:
      return "queued";
    case refused:
      return "refused";
    case cancelled:
      return "cancelled";
    case already_granted:
      return "already granted";
    case released:
      return "released";
    case closed:
      return "closed";
    case renewed:
      return "renewed";
    case done:
      return "done";
    case arrived:
      return "arrived";
    case departed:
      return "departed";
    case stays:
      return "stays";
  }
  return nullptr;
}

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
