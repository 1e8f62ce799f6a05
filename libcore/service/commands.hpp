// SPDX-License-Identifier: MIT
// What the log carries: the commands of the replicated state machine, and their envelope.
//
// Problem: a peer that proposes a command may see no answer (the leader died, the message was lost) and must
// send it again; the log may then hold it twice. The obvious answer, commands that do no harm when repeated,
// does not exist: a second acquire takes a second place in the queue, a second release frees the next holder
// (CURATOR-486). So every command of a peer names its registration, a sequence number and what the peer has
// settled, and takes effect once (Raft thesis, section 6.3). Commands that the leader makes of its own
// (expiries, timers) have no client; each carries what it saw and is void if that has changed.
//
// Nothing here is decided by a clock: times in commands are for display, durations are handed
// to the leader's LeaderTimers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/level.hpp"
#include "base/time.hpp"
#include "service/families.hpp"
#include "service/session.hpp"
#include "service/timer_kind.hpp"
#include "service/types.hpp"

namespace coord::service {

// A peer's process introduces itself; its commands carry the place of this one. Idempotent by `nonce`.
// `replaces` is the registration that it believes current (0: none): a late copy of a dead process's Register
// cannot win.
struct Register {
  NodeId node{};
  std::uint64_t nonce = 0;  // random, once a process
  ClientId replaces{};
  Level knows = first_level;  // the newest that its program knows; said from level 2 on
  std::string name{};         // as people call the peer, and where others reach it; likewise
  std::string address{};      // HOST:PORT
  LogIndex instead_of{};      // where another node got the name that it takes from that one
  std::string zone{};         // where it stands, as people call that; empty: not told
  NodeId retires{};           // the number of its disk that was lost: from now on nobody comes under it

  bool operator==(const Register&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(node, nonce, replaces);
    archive.since(2, knows, name, address, instead_of, zone, retires);
  }
};

struct Close {
  SessionId session{};
  CloseReason why = CloseReason::finished;
  std::optional<std::uint8_t> status{};  // as Release::status

  bool operator==(const Close&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, why, status);
  }
};

// Each session's lease starts anew: its renewal number goes up by one.
struct Renew {
  std::vector<SessionId> sessions{};  // of this peer; at most Limits::sessions_a_renew

  bool operator==(const Renew&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(sessions);
  }
};

// Somebody wants the session ended (`dlock --break`): its own peer stops the command and then closes
// it. Who may: root, and the user that the session's owner is. Any peer may submit it; the user is
// the one that this peer claims.
struct Break {
  SessionId session{};
  std::uint32_t uid = 0;
  std::string user{};

  bool operator==(const Break&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, uid, user);
  }
};

// ---- made by the leader (client 0)

// The lease ran out at the leader, which had seen this renewal: void if renewed since.
struct Expire {
  SessionId session{};
  std::uint64_t renewal = 0;

  bool operator==(const Expire&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, renewal);
  }
};

// The lock delay or the minimum hold that belongs to the hold with this token has passed; or a time of the
// generation of a barrier that began at this place in the log.
struct TimerOver {
  TimerKind kind = TimerKind::lock_delay;
  Token token{};

  bool operator==(const TimerOver&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(kind, token);
  }
};

// No token up to this one is ever given (again): a peer alone reserved them on disk before
// it may have lost their grants.
struct TokenFloor {
  Token token{};

  bool operator==(const TokenFloor&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(token);
  }
};

// Of a peer alone that is to hand over to a group: grant nothing from now on, whoever waits; or grant again.
// From level 2 on.
struct Shut {
  bool closed = false;

  bool operator==(const Shut&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(closed);
  }
};

// A peer that does not vote is of the group no more: void if it has registered anew, or still has sessions.
// Nothing that is held ends by this. From level 2 on.
struct Forget {
  NodeId node{};
  ClientId client{};
  bool is_ordered = false;  // by an operator; else it was silent for long

  bool operator==(const Forget&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(node, client, is_ordered);
  }
};

// So many of the group's hosts are to vote, and the leader sees to it. Made from the policy that was said at
// `seen`, and void if another one has been said since. From level 2 on.
struct KeepVoters {
  VoterPolicy policy{};
  LogIndex seen{};

  bool operator==(const KeepVoters&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(policy, seen);
  }
};

// A host is reached elsewhere from now on: the operator's word, until the host itself registers with another
// address than it said last. Void if that registration is not the host's any more, or another word about its
// address has been said since `seen`. From level 2 on.
struct Move {
  NodeId node{};
  ClientId client{};
  std::string address{};  // HOST:PORT
  LogIndex seen{};

  bool operator==(const Move&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(node, client, address, seen);
  }
};

// The leader takes a silent voter out by itself, in whose place another one is to vote: it stands in the log
// before that does, so that whoever leads then knows of it. From level 2 on.
struct Replacing {
  NodeId node{};
  NodeId other{};

  bool operator==(const Replacing&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(node, other);
  }
};

// Which kinds there are: the core's own, and those of each family. Their order is part of the log's format.
// Those of level 1: the core's own stand around those of the eldest family, each other family's behind them.
// Then what came later, in the order in which it came.
using SessionCommands = Types<Close, Renew, Expire, TimerOver, TokenFloor, Break>;
using LaterCoreCommands = Types<Shut, Forget, KeepVoters, Move, Replacing>;
using CoreCommands = Join<Types<Register>, SessionCommands, LaterCoreCommands>;

template <class Eldest, class... Others>
struct BodyOf {
  template <class F, bool wanted>
  using CommandsIf = std::conditional_t<wanted, typename F::Commands, Types<>>;
  using OfLevel1 = Join<Types<Register>, typename Eldest::Commands, SessionCommands,
                        CommandsIf<Others, Others::since == first_level>...>;
  using Later = Join<LaterCoreCommands, CommandsIf<Others, (Others::since > first_level)>...>;
  using type = Apply<std::variant, Join<OfLevel1, Later>>;
};
using Body = typename Apply<BodyOf, Families>::type;

struct Command {
  NodeId node{};  // the proposing peer; with client 0 it does not matter
  ClientId client{};
  // from 1 up, once each a registration; at most Limits::window above `acknowledged`
  std::uint64_t sequence = 0;
  std::uint64_t acknowledged = 0;  // the peer knows what became of every sequence up to this one: forget them
  WallTime wall{};  // the proposer's, for display; the first one also places a new group's tokens
  Body body{};

  bool operator==(const Command&) const;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(node, client, sequence, acknowledged, wall, body);
  }
};

}  // namespace coord::service
