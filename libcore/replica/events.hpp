// SPDX-License-Identifier: MIT
// What a replica is told, and what it answers. See replica.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/level.hpp"
#include "base/time.hpp"
#include "protocol/raft/events.hpp"
#include "replica/engine_frame.hpp"
#include "replica/engine_verbs.hpp"
#include "replica/messages.hpp"
#include "service/commands.hpp"
#include "service/effects.hpp"

namespace coord::replica {

// ---- told

struct FromPeer {
  NodeId from;
  PeerMessage message;
  Level level = first_level;  // by whose formats it was laid out
  bool datagram = false;      // how it came; the same may come by stream as well, before or after
};
// A connection with another peer stands. What it says of itself is of one life of it,
// and void when that is over.
struct Greeted {
  NodeId from;
  Level knows = first_level;  // the newest that its program knows
  std::uint64_t life = 0;     // the nonce of its Register; 0: a program of level 1, which does not tell
};
struct Parted {  // the last connection with it is gone
  NodeId from;
};
// The operator wants the group's level raised now, not when it is due.
struct RaiseNow {};
// What was given by a peer whose place this one takes: no token up to this one is given from now on.
struct RaiseTokens {
  Token above;
};
// A peer alone is to hand over to a group: grant nothing from now on, or (closed false) grant again. Nothing
// below level 2.
struct GrantNothing {
  bool closed = false;
};
// A command of nobody's that guards itself (a Register for another host, a Forget), for the log if it can get
// there now: the machine shows whether it did. Nothing below level 2.
struct PutIntoLog {
  service::Body body;
};
// An operator's order. Answered by VotersAnswered with the same ticket, or not at all if nobody who leads has
// answered: then it is asked again.
struct AskVoters {
  std::uint64_t ticket = 0;
  VoterOrder order;
};
// Of a host that does not vote, from outside of the log: who votes. For one that no voter it
// knows has answered.
struct KnownVoters {
  std::vector<NodeId> voters;
};
struct Tick {};  // early ticks are harmless
// Have this command take effect once. Answered by one Outcome with the same ticket, however long that takes.
struct Submit {
  std::uint64_t ticket = 0;
  service::Body body;
};
// Nobody waits any more for what was submitted with this ticket. If no copy of it has got into a log it will
// not take effect, ever; its Outcome comes as before, and says which.
struct Retract {
  std::uint64_t ticket = 0;
};
// Answered by QueryReady once the machine here is at least as new as all that was
// acknowledged before, or QueryFailed.
struct Query {
  std::uint64_t ticket = 0;
};
struct JobDone {
  std::uint64_t job = 0;
  bool skipped = false;  // a snapshot for which there was no room: nothing has changed, and nothing is lost
};
struct JobFailed {
  std::string why;
};
// The store's space is (no longer) nearly used up: what would add to the state is
// refused, what frees it is not.
struct Space {
  bool nearly_full = false;
};
struct Leave {};  // this peer is about to stop: hand leadership over

// Of a gateway: what the engine tells that keeps its log.
struct FromEngine {
  engine::Told told;
};

using Event =
    std::variant<FromPeer, Tick, Submit, Retract, Query, JobDone, JobFailed, Space, Leave, Greeted, Parted,
                 RaiseNow, RaiseTokens, GrantNothing, PutIntoLog, AskVoters, KnownVoters, FromEngine>;

// ---- answers

struct ReserveTokens {
  Token up_to;
};
// Work for the store, in order; each is answered by JobDone, or JobFailed, which ends this peer.
struct DiskJob {
  std::uint64_t job = 0;
  std::variant<raft::Persist, raft::Snapshot, ReserveTokens> work;
};
struct SendPeer {
  NodeId to;
  PeerMessage message;
  Level level = first_level;  // by whose formats it is laid out
  // By datagram as well as by stream, if it is small enough: the first one to arrive counts.
  bool datagram_also = false;
};
// All that follows is of this level: greet every peer anew with it, before anything else is sent. Who cannot
// read it is cut off.
struct SpeakLevel {
  Level level = first_level;
};
// What became of a command that this replica submitted. `rejected` is not empty if nobody would put it into
// the log, and it never takes effect.
struct Outcome {
  std::uint64_t ticket = 0;
  service::Outcome what;
  std::string rejected;
  bool replaced = false;  // it came with a leader's snapshot: no Applied follows that tells what it caused
};
// One command was applied, whoever submitted it. Comes before the Outcome that it may be.
struct Applied {
  LogIndex index;
  service::Effects effects;
};
// The state was replaced by a leader's snapshot: what was derived from effects must be
// derived again from the machine.
struct Replaced {};
struct QueryReady {
  std::uint64_t ticket = 0;
};
struct QueryFailed {
  std::uint64_t ticket = 0;
};
struct LeaderChanged {
  raft::Role role = raft::Role::follower;
  Term term;
  NodeId leader;  // 0: none is known, so this peer sees no quorum
};
struct VotersAnswered {
  std::uint64_t ticket = 0;
  VoterAnswer answer;
};
// The leader makes a step for an order: for the log.
struct VoterStep {
  VoterOrder order;
  std::optional<raft::Change> change;  // none: it hands over
};
// The voters are these from here on: a change of them is committed, and applied here.
struct VotersChanged {
  LogIndex index;
  raft::Voters voters;
};
struct Report {  // for the log, and for the operator
  std::string text;
};
struct Halted {
  std::string why;
};
// Of a gateway: for the engine, and what is to be kept on the own disk of what was seen there.
struct ToEngine {
  engine::Request request;
};
// Before what follows: that must outlive this process. `lasting`: the machine's crash, too, soon.
struct RememberEngine {
  EngineMemory memory;
  bool lasting = false;
};

using Action = std::variant<DiskJob, SendPeer, SpeakLevel, Outcome, Applied, Replaced, QueryReady,
                            QueryFailed, LeaderChanged, Report, Halted, VotersAnswered, VoterStep,
                            VotersChanged, ToEngine, RememberEngine>;
using Actions = std::vector<Action>;

}  // namespace coord::replica
