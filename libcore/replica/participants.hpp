// SPDX-License-Identifier: MIT
// This host's participants in barriers: what a tool asks for becomes commands, what the log says becomes
// answers. Beside sessions.hpp, which does the same for locks, and on the same connections.
//
// The problem. A participant must neither be left behind when its barrier is released nor be counted when it
// is gone, though its peer may lose the majority, be replaced by a snapshot, or die and be started again
// while it waits. So an arrival is told nothing but what the log says of its generation: each release names
// its participants (service::BarrierMoved), and one pass over them wakes all that are here. A lease that ran
// out while its tool lives, and a tool that comes back to a peer that was restarted, arrive again under the
// same key: the group knows whether that is the same arrival, and what became of it. Before its arrival is
// ordered each tool is told from which generation on it may count: from a later life of its peer it learns
// that nobody knows what became of it, should all of that be forgotten by then, and is not counted again.
//
// With a command the session lives on after the release: renewed, and the command stopped in time if that
// fails, so that "all commands have ended" is true when the group says it (lost means stopped, sessions.hpp).
//
// A clerk of the desk (desk.hpp), by subject: from the arrival to the release or to the
// departure (arriving.cpp), from the release to the end of the command (participants.cpp), listings
// and resets (barrier_listing.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "replica/clerk.hpp"

namespace coord::replica {

enum class ParticipantStage : std::uint8_t {
  arriving,  // the Arrive is on its way into the log
  waiting,   // for the release
  queued,    // released, in turn: waiting for its command's turn
  running,   // the command
  ended,     // the command; waiting for the others
  lost,      // the command was, or is being, stopped
  leaving,   // the Close is on its way; nothing more is to be said
};
// One participant, on its connection.
struct ParticipantRecord : Lease {
  Credentials who;
  bool connected = true;
  bool holders = false;  // somebody has the session's descriptor
  ParticipantStage stage = ParticipantStage::arriving;
  bool abandoned = false;     // arriving, but nobody waits for the answer any more
  bool cancel_asked = false;  // the tool waits for Departed (or Passed)
  local::Arrive asked;
  Instant asked_at;
  std::uint64_t generation = 0;  // that it is in; while it arrives: that it will be in at the earliest
  std::uint64_t arrive_ticket = 0;
  Instant arrive_sent;
};

class Participants : public Clerk<Participants, ParticipantRecord> {
 public:
  using Stage = ParticipantStage;
  using Record = ParticipantRecord;
  // What tools say that is for this clerk; ServesOwn if the connection takes part in a barrier; and the
  // effects that it acts on.
  using Serves = service::Types<local::Arrive, local::Ended, local::ListBarriers, local::ResetBarrier>;
  using ServesOwn = service::Types<local::Started, local::Cancel>;
  using Hears = service::Types<service::BarrierMoved, service::Closed, service::BarrierArrived>;

  explicit Participants(Ledger& ledger) : Clerk(ledger) {}

  bool concerns(const FromTool& event) const;
  void on(Instant now, const FromTool& event, const service::StateMachine& machine, WallTime wall);
  void on(const ToolGone& event);
  void on(const HoldersGone& event);
  void on(Instant now, const Applied& event, service::ClientId self);
  void on(Instant now, const Replaced&, const service::StateMachine& machine);
  void quorum_is(Instant now, bool quorum);
  void tick(Instant now);

 private:
  friend Clerk;
  struct Scene {
    Instant now;
    WallTime wall;
    const FromTool& event;
    const service::StateMachine& machine;
  };
  struct News {
    Instant now;
    service::ClientId self;
  };

  // ---- arriving.cpp: from the arrival to the release, or to the departure
  void asked(const Scene& at, const local::Arrive& request);
  void asked(const Scene& at, const local::Cancel& request);
  void arrive(Instant now, ConnectionId id, Record& record);
  void arrived(const Ledger::Heard& heard, ConnectionId id, Record& record);
  void not_arrived(const Outcome& event, ConnectionId id, const Record& record);
  void hurry(Instant now, ConnectionId id, Record& record);
  void hurry_arrival(ConnectionId id, std::uint64_t ticket, Instant since);
  void departed(const Ledger::Heard& heard, ConnectionId id, Record& record);
  void give_up(ConnectionId id, Record& record, bool may_be_ordered);
  void abandon(Record& record);
  void heard(const News& at, const service::BarrierArrived& arrival);

  // ---- participants.cpp: the release, the command, the end; leases
  void asked(const Scene& at, const local::Started& request);
  void asked(const Scene& at, const local::Ended& request);
  LeaseUse use_of(const Record& record) const;
  void renewed(Instant now, ConnectionId id, Record& record, Instant sent,
               const service::StateMachine& machine);
  void moved(Instant now, ConnectionId id, std::uint64_t number, const service::Generation& generation);
  void start(Instant now, ConnectionId id, Record& record);
  void queue(ConnectionId id, Record& record);
  void lose(ConnectionId id, Record& record, const std::string& why);
  void ended(Instant now, ConnectionId id, Record& record);
  void look(Instant now, ConnectionId id, const service::StateMachine& machine);
  void close(ConnectionId id, Record& record, service::CloseReason why);
  void finish(ConnectionId id);
  void heard(const News& at, const service::BarrierMoved& move);
  void heard(const News& at, const service::Closed& end);

  // ---- barrier_listing.cpp
  void asked(const Scene& at, const local::ListBarriers& request);
  void asked(const Scene& at, const local::ResetBarrier& request);
  void was_reset(const Outcome& event, ConnectionId id, std::uint64_t request);
  void list(ConnectionId id, const local::ListBarriers& asked, const service::StateMachine& machine,
            WallTime wall, bool stale);
};

}  // namespace coord::replica
