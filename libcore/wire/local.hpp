// SPDX-License-Identifier: MIT
// What a tool and its peer say to each other over the peer's Unix socket.
//
// One connection is at most one session. Requests carry a number that the answers repeat; a tool sends its
// next request for a hold only after the answer to the last one, except Cancel. Strings are bounded: a name
// by 255 bytes, a command line by 4,096 (longer ones are cut by the tool), any other text by 1,024.
//
// Either end may be of another release. `speaks` in the greetings is the newest version of this
// protocol that an end speaks, each writes frames of the smaller of the two, and nothing that only
// the other side of it knows (local_version.hpp). What a tool sends before it knows is of its own
// version: there, new fields are last.
//
// Times are Instants on the host's CLOCK_BOOTTIME (which goes on while the machine sleeps): both ends read
// the same clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/locks/commands.hpp"
#include "wire/bounds.hpp"
#include "wire/local_barrier.hpp"
#include "wire/local_choices.hpp"
#include "wire/local_elections.hpp"
#include "wire/local_family.hpp"
#include "wire/local_listings.hpp"
#include "wire/local_part.hpp"
#include "wire/local_peers.hpp"
#include "wire/local_taking.hpp"
#include "wire/local_voters.hpp"

namespace coord::local {

// In every greeting, for ever: 0.1.0 takes no other. What has changed since is told by `speaks`.
inline constexpr std::uint32_t protocol_version = 1;
inline constexpr std::uint32_t newest_spoken = 2;

// Whoever shows it, and is the same user, is the session's tool: a peer that was restarted takes it back by
// it. Given with the grant; never in an environment, a listing or a log line.
struct Secret {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  bool operator==(const Secret&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(high, low);
  }
};

// ---- tool to peer

// First on every connection. The peer answers Welcome, or Refused and closes.
struct Hello {
  std::uint32_t version = protocol_version;
  std::string tool;
  std::uint32_t speaks = 1;
  // The highest token that this user's private peer may have given before it was given up for the host's: a
  // host's peer gives only higher ones from here on.
  Token token_floor{};

  bool operator==(const Hello&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(version, wire::text<1024>(tool));
    archive.since(2, speaks, token_floor);
  }
};

// Take all of `names` or none; opens the connection's session if it has none yet.
struct Acquire : service::LockTerms {
  std::uint64_t request = 0;
  std::vector<std::string> names;  // 1 to 64
  bool wait = true;                // false: refuse rather than queue; only a leader is waited for
  Duration ttl{};                  // of the session, 1 s to 1 h; the first Acquire of a connection decides
  std::uint32_t pid = 0;           // of the tool; the peer sees for itself
  std::string command;             // for listings
  // The sessions that the environment says this runs under, outermost first: for a peer of 0.1.0, which
  // looked at no others. Today's asks the kernel.
  std::vector<SessionId> outer;
  std::uint64_t key_high = 0, key_low = 0;  // hashes of the command's words: which command it is
  bool join = false;                        // while the same command holds it: be told its status instead
  // Not 0: this process holds, not who has the descriptor (none is given): the hold ends with it. When the
  // lock is lost it gets `signal`, the grace before it must have stopped; nobody kills it.
  std::uint32_t holder = 0;
  std::uint32_t signal = 0;
  Duration grace{};   // with `holder`
  bool bare = false;  // the command will not have the descriptor: it is stopped before the release
  std::optional<service::Candidacy> candidacy;  // instead of locks, the leadership of the one name
  std::optional<service::SessionValue> put{};   // instead of locks, a key of the map; no names then
  std::optional<service::TakePart> part;        // shared by all who take part in the one name

  bool operator==(const Acquire&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, wire::at_most<64, 255>(names));
    sharing(archive);
    archive(wait, ttl);
    delays(archive);
    archive(pid, wire::text<4096>(command), wire::at_most<32>(outer), key_high, key_low, join, period, holder,
            signal, grace, bare, candidacy);
    archive.since(2, put, part);
  }
};

// The command runs, or will run, as this process: from now on the peer, too, stops it (and all its
// descendants) in time. Answered by TakenUp or TakenBack, or Lost, or Refused (local_taking.hpp).
struct Started {
  std::uint64_t request = 0;
  std::uint32_t pid = 0;
  Duration grace{};  // from TERM to KILL

  bool operator==(const Started&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, pid, grace);
  }
};

// Stop waiting. The answer is Cancelled, or Granted if the grant was ordered first.
struct Cancel {
  std::uint64_t request = 0;

  bool operator==(const Cancel&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request);
  }
};

struct Release {
  std::uint64_t request = 0;
  std::optional<std::uint8_t> status{};  // of the command: none if it did not run to its end

  bool operator==(const Release&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, status);
  }
};

struct ListPeers {
  std::uint64_t request = 0;

  bool operator==(const ListPeers&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request);
  }
};

// The tool of this session is back: its connection broke, or its peer was killed and started again. The
// answer is Renewed, and what was not taken up is so now; or Lost.
struct Resume {
  std::uint64_t request = 0;  // of the Acquire
  SessionId session;
  Secret secret;
  std::uint32_t pid = 0;  // of the command, and its grace, as in Started; 0: it does not run
  Duration grace{};

  bool operator==(const Resume&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, session, secret, pid, grace);
  }
};

// End this session, whose holder stands in a listing: its host stops the command first. Answered by Released
// once the session has ended, or by Refused.
struct Break {
  std::uint64_t request = 0;
  SessionId session;

  bool operator==(const Break&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, session);
  }
};

// Release what a process of this host holds by Acquire::holder: the hold of just these names with this token,
// or with token 0 that of process `holder`. Answered by Released, or by Refused (held) if there is none.
struct LetGo {
  std::uint64_t request = 0;
  std::vector<std::string> names;
  Token token;
  std::uint32_t holder = 0;

  bool operator==(const LetGo&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, wire::at_most<64, 255>(names), token, holder);
  }
};

using Request = std::variant<Hello, Acquire, Started, Cancel, Release, ListLocks, ListPeers, Resume,
                             ListWaits, Break, ListHistory, LetGo, Completed, ListLeaders, WatchLeader,
                             Depose, Stand, Arrive, Ended, ListBarriers, ResetBarrier, RaiseLevel, HandOver,
                             ToPart, Order, Question, OrderVoters, KeepVoters, MovePeer>;

// ---- peer to tool

struct Welcome {
  std::uint32_t version = protocol_version;
  std::string peer;
  Scope scope = Scope::cluster;
  std::uint32_t speaks = 1;
  Duration leader_patience{};  // so long it waits for a leader before it refuses what is not to wait

  bool operator==(const Welcome&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(version, wire::text<1024>(peer), scope);
    archive.since(2, speaks, leader_patience);
  }
};

// A descriptor comes with it: as long as anyone has it open, the session has a holder.
struct Granted {
  std::uint64_t request = 0;
  Token token;
  SessionId session;
  // when the last renewal that succeeded was sent, plus the TTL: all must be stopped by 0.8 TTL of it
  Instant deadline;
  Instant sent;               // that renewal's sending
  Secret secret;              // for Resume
  std::uint32_t attempt = 0;  // at the slot of a leadership, from 1

  bool operator==(const Granted&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, token, session, deadline, sent, secret, attempt);
  }
};

struct Renewed {
  Instant deadline;
  Instant sent;

  bool operator==(const Renewed&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(deadline, sent);
  }
};

// The session has ended, or is about to end, without the tool asking for it: stop the command now, and kill
// it when its time has come (at once, if that has passed).
struct Lost {
  std::string why;
  Instant kill_at{};

  bool operator==(const Lost&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::text<1024>(why), kill_at);
  }
};

struct Refused {
  std::uint64_t request = 0;
  RefusedKind kind = RefusedKind::protocol;
  std::string why;

  bool operator==(const Refused&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, kind, wire::text<1024>(why));
  }
};

// Sent while a request waits, when it is queued and when the quorum comes or goes.
struct Waiting {
  std::uint64_t request = 0;
  bool quorum = false;
  std::vector<std::string> silent_peers;  // that this peer has no connection to, when there is no quorum
  std::vector<WaitRecord> blockers;       // when it is queued: the first few, their waiter left empty
  std::uint64_t generation = 0;           // of a barrier: the arrival will count in this one or a later one
  std::string not_begun{};                // there has never been a quorum: what for it waits

  bool operator==(const Waiting&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, quorum, wire::at_most<64, 255>(silent_peers), wire::at_most<4>(blockers), generation);
    archive.since(2, wire::text<1024>(not_begun));
  }
};

struct Cancelled {
  std::uint64_t request = 0;
  bool quorum = false;      // at the end of the wait: decides between statuses 1 and 69
  std::string not_begun{};  // as in Waiting

  bool operator==(const Cancelled&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, quorum);
    archive.since(2, wire::text<1024>(not_begun));
  }
};

struct Released {
  std::uint64_t request = 0;

  bool operator==(const Released&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request);
  }
};

// The command that this one had joined has ended with this status.
struct Joined {
  std::uint64_t request = 0;
  std::uint8_t status = 0;

  bool operator==(const Joined&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, status);
  }
};

using Answer =
    std::variant<Welcome, Granted, Renewed, Lost, Refused, Waiting, Cancelled, Released, Locks, Peers, Waits,
                 History, Joined, Done, Leaders, Passed, Broken, Departed, AllEnded, Barriers, BarrierIsReset,
                 TakenUp, TakenBack, LoneView, FromPart, Ordered, Shown, TurnComes, VoterView>;

}  // namespace coord::local
