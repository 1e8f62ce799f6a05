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
// Told and answered as Sessions is. Pure; one owner, no threads.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replica/sessions.hpp"

namespace coord::replica {

class Meetings {
 public:
  // Its tickets count from here, those of Sessions from 1.
  static constexpr std::uint64_t first_ticket = std::uint64_t{1} << 62U;

  explicit Meetings(SessionsConfig config) : config_(std::move(config)), hurry_(config_.hurry) {}

  bool concerns(const FromTool& event) const;
  bool has(ConnectionId id) const { return records_.contains(id); }

  [[nodiscard]] SessionActions on(Instant now, const FromTool& event, const service::Machine& machine,
                                  WallTime wall);
  [[nodiscard]] SessionActions on(const ToolGone& event);
  [[nodiscard]] SessionActions on(const HoldersGone& event);
  [[nodiscard]] SessionActions on(Instant now, const Outcome& event, const service::Machine& machine);
  [[nodiscard]] SessionActions on(Instant now, const Applied& event, service::ClientId self);
  [[nodiscard]] SessionActions on(Instant now, const Replaced&, const service::Machine& machine);
  [[nodiscard]] SessionActions on(const QueryReady& event, const service::Machine& machine, WallTime wall);
  [[nodiscard]] SessionActions on(const QueryFailed& event);
  [[nodiscard]] SessionActions quorum_is(Instant now, bool quorum);
  void begins_when(std::string not_begun) { not_begun_ = std::move(not_begun); }  // as Sessions
  [[nodiscard]] SessionActions tick(Instant now);
  std::optional<Instant> deadline() const;

 private:
  enum class Stage : std::uint8_t {
    arriving,  // the Arrive is on its way into the log
    waiting,   // for the release
    running,   // the command
    ended,     // the command; waiting for the others
    lost,      // the command was, or is being, stopped
    leaving,   // the Close is on its way; nothing more is to be said
  };
  struct Record : Lease {
    Credentials who;
    bool connected = true;
    bool holders = false;  // somebody has the session's descriptor
    Stage stage = Stage::arriving;
    bool abandoned = false;     // arriving, but nobody waits for the answer any more
    bool cancel_asked = false;  // the tool waits for Departed (or Passed)
    local::Arrive asked;
    Instant asked_at;
    std::uint64_t generation = 0;  // that it is in; while it arrives: that it will be in at the earliest
    std::uint64_t arrive_ticket = 0;
    Instant arrive_sent;
  };
  struct Ticket {
    enum class Kind : std::uint8_t { arrive, depart, finish, close, renew, reset, list } kind = Kind::arrive;
    std::vector<ConnectionId> connections;  // one, except for renew
    Instant sent;
    std::uint64_t request = 0;
    local::ListBarriers list;
  };

  // ---- meetings.cpp: what a tool asks for, and time
  void asked(Instant now, const FromTool& event, const local::Arrive& request,
             const service::Machine& machine);
  void asked(ConnectionId id, Record& record, const local::Started& request);
  void asked(ConnectionId id, Record& record, const local::Ended& request);
  void asked(Instant now, ConnectionId id, Record& record, const local::Cancel& request);
  void asked(Instant now, ConnectionId id, const local::ListBarriers& request,
             const service::Machine& machine, WallTime wall);
  void asked(Instant now, const FromTool& event, const local::ResetBarrier& request);
  void arrive(Instant now, ConnectionId id, Record& record);
  void hurry(Instant now, ConnectionId id, Record& record);
  void give_up_late(Instant now);
  void give_up(ConnectionId id, Record& record);
  void abandon(Record& record);
  void close(ConnectionId id, Record& record, service::CloseReason why);
  void finish(ConnectionId id);
  void say(ConnectionId id, const Record& record, local::Answer answer);
  void refuse(ConnectionId id, std::uint64_t request, local::RefusedKind kind, std::string why);
  void submit(Ticket what, service::Body body);
  void set_alarm(ConnectionId id, Record& record);
  Record* find(ConnectionId id);
  SessionActions take() { return std::exchange(out_, {}); }

  // ---- meetings_outcomes.cpp: what the log says
  void arrived(Instant now, ConnectionId id, Record& record, const Outcome& event,
               const service::Machine& machine);
  void departed(ConnectionId id, Record& record, const service::Machine& machine);
  void renewed(const Ticket& ticket, const service::Machine& machine);
  void was_reset(const Ticket& ticket, const Outcome& event);
  void moved(Instant now, ConnectionId id, std::uint64_t number, const service::Generation& generation);
  void start(Instant now, ConnectionId id, Record& record);
  void lose(ConnectionId id, Record& record, const std::string& why);
  void ended(Instant now, ConnectionId id, Record& record);
  void look(Instant now, ConnectionId id, const service::Machine& machine);
  void list(const Ticket& ticket, const service::Machine& machine, WallTime wall, bool stale);

  SessionsConfig config_;
  std::map<ConnectionId, Record> records_;
  std::map<SessionId, ConnectionId> by_session_;
  std::map<std::uint64_t, Ticket> tickets_;
  Leases leases_;
  Hurry hurry_;  // by ticket
  std::uint64_t next_ticket_ = first_ticket;
  bool quorum_ = false;
  std::string not_begun_;
  SessionActions out_;
};

}  // namespace coord::replica
