// What the log carries: the commands of the replicated state machine, and their envelope.
//
// Problem: a peer that proposes a command may see no answer (the leader died, the message was lost) and must
// send it again; the log may then hold it twice. The obvious answer, commands that do no harm when repeated,
// does not exist: a second acquire takes a second place in the queue, a second release frees the next holder
// (CURATOR-486). So every command of a peer names its registration, a sequence number and what the peer has
// settled, and takes effect once (Raft thesis, section 6.3). Commands that the leader makes of its own
// (expiries, timers) have no client; each carries what it saw and is void if that has changed.
//
// Nothing here is decided by a clock: times in commands are for display, durations are handed to the leader's
// Keeper.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/level.hpp"
#include "base/time.hpp"
#include "service/barriers/state.hpp"
#include "service/elections/commands.hpp"

namespace coord::service {

// One life of a peer's process: the place in the log of its Register. 0: the leader itself.
using ClientId = StrongId<struct ClientTag>;

// How a request shares its names. More than one slot makes a name a semaphore; its holders are all exclusive.
enum class Mode : std::uint8_t { exclusive, shared };

// Who is behind a session, for listings and per-user limits. All of it is claimed by the peer, which checked
// it locally.
struct Owner {
  std::string peer{};  // the peer's name
  std::string host{};
  std::uint32_t uid = 0;
  std::string user{};
  std::uint32_t pid = 0;
  std::string command{};

  bool operator==(const Owner&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(peer, host, uid, user, pid, command);
  }
};

// Opens a session. It ends by Close, or by Expire when `ttl` has passed at the leader without a Renew.
struct Open {
  Owner owner{};
  Duration ttl{};  // Limits::ttl_low to Limits::duration_high
  std::uint64_t nonce =
      0;  // the peer's own mark, repeated in Opened and kept: it finds the session again by it

  bool operator==(const Open&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(owner, ttl, nonce);
  }
};

// A peer's process introduces itself; its commands carry the place of this one. Idempotent by `nonce`.
// `replaces` is the registration that it believes current (0: none): a late copy of a dead process's Register
// cannot win.
struct Register {
  NodeId node{};
  std::uint64_t nonce = 0;  // random, once a process
  ClientId replaces{};
  Level knows = first_level;  // the newest that its program knows; said from level 2 on

  bool operator==(const Register&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(node, nonce, replaces);
    archive.since(2, knows);
  }
};

// Which program with which arguments: two hashes of them, so that cutting and quoting matter to nobody.
// Nothing else of a run is in it (directory, environment). 0,0: none.
struct CommandKey {
  std::uint64_t high = 0, low = 0;

  auto operator<=>(const CommandKey&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(high, low);
  }
};

// Take all of `names` or none, under one token; or wait for them in line.
struct Acquire {
  std::optional<Open> open{};  // with session 0: open one in the same command: a lock costs one commit
  SessionId session{};
  std::uint64_t request = 0;  // the session's own number for it; not that of a hold or wait that it still has
  std::vector<std::string> names{};  // 1 to Limits::names_a_request; order and doubles do not matter
  Mode mode = Mode::exclusive;
  std::uint32_t slots = 1;  // above 1: one of so many equal holders; as whoever uses the name already has it
  bool wait = true;         // false: be refused rather than queue
  Duration lock_delay{};    // how long the names stay shut after this holder was lost (not after a release)
  Duration min_hold{};      // how long the names stay taken at least, from the grant; outlives the session
  // Sessions of the same peer whose commands, as it has proved, this was asked from inside of; outermost
  // first, at most Limits::nesting. What they hold is re-entered; they end only after this has.
  std::vector<SessionId> inside{};
  CommandKey key{};   // of the command that is to run
  bool join = false;  // while the same user's same command holds just these names: wait for its end instead
  // Not 0: a permit of a rate, not a lock: its slot stays taken for so long from the grant (min_hold says the
  // same), and is released at once. So any stretch of `period` sees at most `slots` grants.
  Duration period{};
  // Instead of locks, the leadership of the one name; exclusive, without slots, lock delay or `inside`.
  std::optional<Candidacy> candidacy{};

  bool operator==(const Acquire&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(open, session, request, names, mode, slots, wait, lock_delay, min_hold, inside, key, join, period,
            candidacy);
  }
};

// Stop waiting. If the grant was ordered first, the answer is AlreadyGranted and the hold stands.
struct Cancel {
  SessionId session{};
  std::uint64_t request = 0;

  bool operator==(const Cancel&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, request);
  }
};

struct Release {
  SessionId session{};
  std::uint64_t request = 0;
  std::optional<std::uint8_t> status{};  // of the command that ran: for those who joined it, and for history

  bool operator==(const Release&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, request, status);
  }
};

enum class CloseReason : std::uint8_t {
  finished,     // the tool ended it
  holder_gone,  // the last process that held it is gone: lock delays apply
  broken,       // by `dlock --break`, after the holder was stopped
  expired,      // its lease ran out (by Expire only): lock delays apply
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

// Somebody wants the session ended (`dlock --break`): its own peer stops the command and then closes it. Who
// may: root, and the user that the session's owner is. Any peer may submit it; the user is the one that this
// peer claims.
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

// Of barriers: the delay after which a quorum suffices, and the time for which the late still belong to it.
enum class TimerKind : std::uint8_t { lock_delay, min_hold, barrier_after, barrier_late };

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

// No token up to this one is ever given (again): a peer alone reserved them on disk before it may have lost
// their grants.
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

// ---- barriers (barriers/barriers.hpp)

// Opens a session that takes part in a barrier and ends with that.
struct Arrive {
  Open open{};
  std::string name{};
  std::string id{};  // of the participant: nobody else has it in this barrier while it is there
  BarrierTerms terms{};
  bool command = false;          // it runs one from the release on
  bool break_on_death = false;   // rather break the barrier than go on without a participant that died
  std::uint64_t key = 0;         // random: an arrival that is sent again with it is the same arrival
  std::uint64_t generation = 0;  // the earliest that may have counted it already; 0: none can have

  bool operator==(const Arrive&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(open, name, id, terms, command, break_on_death, key, generation);
  }
};

// Takes the arrival back and ends the session. If the release was ordered first, that stands.
struct Depart {
  SessionId session{};

  bool operator==(const Depart&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session);
  }
};

// The participant's command has ended.
struct Finish {
  SessionId session{};
  std::int32_t status = 0;
  Duration run{};

  bool operator==(const Finish&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, status, run);
  }
};

// Breaks what gathers or runs at this name.
struct ResetBarrier {
  std::string name{};
  std::uint32_t uid = 0;  // who asks; said from level 2 on
  std::string user{};

  bool operator==(const ResetBarrier&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name);
    archive.since(2, uid, user);
  }
};

// New kinds are appended: the index is part of the log's format. A kind or a field that comes later is of a
// level of the group (libcore/README.md, "How to change a format"): it is not proposed before.
using Body =
    std::variant<Register, Acquire, Cancel, Release, Close, Renew, Expire, TimerOver, TokenFloor, Break,
                 Complete, Depose, Enroll, Withdraw, Arrive, Depart, Finish, ResetBarrier, Shut>;

struct Command {
  NodeId node{};  // the proposing peer; with client 0 it does not matter
  ClientId client{};
  std::uint64_t sequence =
      0;  // from 1 up, once each a registration; at most Limits::window above `acknowledged`
  std::uint64_t acknowledged = 0;  // the peer knows what became of every sequence up to this one: forget them
  WallTime wall{};  // the proposer's, for display; the first one also places a new group's tokens
  Body body{};

  bool operator==(const Command&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(node, client, sequence, acknowledged, wall, body);
  }
};

}  // namespace coord::service
