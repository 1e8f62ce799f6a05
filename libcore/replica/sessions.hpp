// The sessions of this host's tools: what a tool asks for becomes commands, what the log says becomes
// answers, and a command that can no longer be sure of its lock is stopped.
//
// The problem. A lease ends at the leader, on the leader's clock, a TTL after the last renewal was applied
// there. The holder is elsewhere, perhaps cut off, and must be certain to have stopped before. Counting from
// when the renewal's answer came in is the obvious way and wrong: the answer may have been on its way for
// longer than the lease. So the deadline counts from when the last renewal that succeeded was *sent*, which
// is before the leader applied it, and all is stopped by 0.8 of the TTL: the rest is for clocks that run at
// different rates (both may be 10 % off: 0.8 x 1.1 < 0.9).
//
// A peer that is killed and started again takes its sessions back (sessions_resume.cpp).
//
// A session is opened by the first Acquire of a connection and ends by itself when the connection is gone and
// nobody holds its descriptor any more (the kernel is asked: a wrapper killed with -9 ends nothing while its
// command runs), or when it is released. While it lives it is renewed every quarter of its TTL, many sessions
// in one command; but a grant only once its tool has taken it up, which a tool that is stopped does not. One
// that is not taken up soon is passed on (wire/local_taking.hpp).
//
// Told: requests of tools, ends of connections and of holders, the replica's outcomes. Answers: commands to
// submit, answers to tools, commands to stop. Pure; one owner, no threads. The same object runs under coordd
// and in the simulator.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "replica/events.hpp"
#include "replica/hurry.hpp"
#include "replica/leases.hpp"
#include "replica/listings.hpp"
#include "service/machine.hpp"
#include "wire/local.hpp"

namespace coord::replica {

struct Credentials {
  std::uint32_t uid = 0;
  std::string user;
  local::Secret secret{};    // of the connection's session, made by the driver
  std::uint32_t speaks = 1;  // of the tools' protocol, both ends
};

// What a later life of this peer must know of a session that somebody holds. The driver keeps it where the
// end of this process cannot take it (it need not survive the host: the holders do not either).
struct HoldRecord {
  SessionId session;
  std::uint64_t request = 0;
  Token token;
  local::Secret secret;
  std::uint32_t uid = 0;
  Duration ttl{};
  Instant renewal_sent;   // of the last renewal that succeeded
  std::uint32_t pid = 0;  // of the command; 0: not known
  Duration grace{};
  std::uint32_t holder = 0;  // as in local::Acquire
  std::uint32_t signal = 0;
  bool bare = false;
  bool taken_up = true;  // by its tool; a later release's field, kept beside these (peer/hold_file.hpp)

  bool operator==(const HoldRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, request, token, secret, uid, ttl, renewal_sent, pid, grace, holder, signal, bare);
  }
};

// ---- told

struct FromTool {
  ConnectionId connection;
  Credentials who;  // as the kernel says
  local::Request request;
  bool holders_left = false;  // with Release: somebody other than the tool has the session's descriptor open
  // The process that the request names, or the tool's own, cannot be guarded: why (its number is not set).
  std::optional<local::Refused> unguardable{};
  // With Acquire: on which connections' sessions the tool runs inside of a command, as the kernel says;
  // outermost first.
  std::vector<ConnectionId> inside{};
  // With Acquire::holder: those of them that the process which is to hold does not run inside of, or is the
  // holder of itself. It cannot re-enter what they hold, and the tool would wait for itself.
  std::vector<ConnectionId> not_entered{};
};
struct ToolGone {
  ConnectionId connection;
};
struct HoldersGone {  // nobody has the session's descriptor open any more
  ConnectionId connection;
};
struct CommandGone {  // what StopCommand asked to be confirmed
  ConnectionId connection;
};
// Before anything else: what an earlier life of this peer has left.
struct Recovered {
  struct Hold {
    ConnectionId connection;  // one that nobody else has
    HoldRecord record;
    bool held = false;  // a holder is left
  };
  std::vector<Hold> holds;
  // Every session opened from this registration on whose grant was told is among them: what else is left of
  // those nobody uses. Sessions from before it may have holders that no record tells of (the records were
  // lost): their leases decide. 0: not known of any.
  service::ClientId complete_since{};
};

// ---- answers

struct ToTool {  // with the first Granted of a connection goes a descriptor (wire/local.hpp)
  ConnectionId connection;
  local::Answer answer;
};
struct StopCommand {  // and all its descendants: TERM (then CONT), or KILL
  ConnectionId connection;
  std::uint32_t pid = 0;
  bool kill = false;
  bool confirm = false;  // by CommandGone, when nothing of it is left
};
struct SignalHolder {  // the process that is the holder (Acquire::holder): its lock is lost
  ConnectionId connection;
  std::uint32_t signal = 0;
};
struct SessionOver {  // nothing more will be said of this connection: its descriptor may be closed
  ConnectionId connection;
};
struct KeepHold {  // before any answer that follows
  ConnectionId connection;
  HoldRecord record;
};
struct ForgetHold {
  SessionId session;
};
struct HoldsCompleteSince {  // from here on the records are complete: the next life's Recovered says so
  service::ClientId registration;
};
struct Moved {  // the session, with its descriptor, belongs to another connection now; `from` is over
  ConnectionId from, to;
};
struct DescribePeers {  // the driver knows addresses and round trips: it answers
  ConnectionId connection;
  std::uint64_t request = 0;
};

using SessionAction = std::variant<Submit, Retract, Query, ToTool, StopCommand, SignalHolder, SessionOver,
                                   KeepHold, ForgetHold, HoldsCompleteSince, Moved, DescribePeers>;
using SessionActions = std::vector<SessionAction>;

struct SessionsConfig {
  NodeId self;
  std::string peer;  // this peer's name
  std::string host;
  local::Scope scope = local::Scope::cluster;
  Duration ttl_low = std::chrono::seconds(1);
  Duration ttl_high = std::chrono::hours(1);
  std::size_t connections = 20000;
  Duration enrolment_ttl = std::chrono::seconds(10);  // of the sessions that this host stands with
  Hurry::Terms hurry;                                 // of what is not to wait
  std::map<NodeId, std::string> names;                // of the group's peers, as users know them
};

// Why there is no quorum, for users. `not_begun`: what the group that never had one waits for, else empty.
std::string no_quorum_text(const std::string& not_begun);

// What a tool is told of a refusal.
local::RefusedKind kind_of(service::Refusal why);

class Sessions {
 public:
  explicit Sessions(SessionsConfig config) : config_(std::move(config)), hurry_(config_.hurry) {}

  [[nodiscard]] SessionActions on(Instant now, const Recovered& event);
  [[nodiscard]] SessionActions on(Instant now, const FromTool& event, const service::Machine& machine,
                                  WallTime wall);
  [[nodiscard]] SessionActions on(const ToolGone& event);
  [[nodiscard]] SessionActions on(const HoldersGone& event);
  [[nodiscard]] SessionActions on(const CommandGone& event);
  [[nodiscard]] SessionActions on(Instant now, const Outcome& event, const service::Machine& machine);
  // `self`: this peer's registration.
  [[nodiscard]] SessionActions on(Instant now, const Applied& event, service::ClientId self,
                                  const service::Machine& machine);
  [[nodiscard]] SessionActions on(Instant now, const Replaced&, const service::Machine& machine);
  [[nodiscard]] SessionActions on(const QueryReady& event, const service::Machine& machine, WallTime wall);
  [[nodiscard]] SessionActions on(const QueryFailed& event);
  // After the other two: what watchers of leaderships hear.
  [[nodiscard]] SessionActions watched(const Applied& event, const service::Machine& machine, WallTime wall);
  [[nodiscard]] SessionActions watched(const Replaced&, const service::Machine& machine, WallTime wall);
  // A leader with a majority is known (true), or not.
  [[nodiscard]] SessionActions quorum_is(Instant now, bool quorum);
  // The group has never had one, and what it waits for; empty: it has begun.
  void begins_when(std::string not_begun) { not_begun_ = std::move(not_begun); }
  [[nodiscard]] SessionActions tick(Instant now);
  std::optional<Instant> deadline() const;

  std::size_t size() const { return records_.size(); }
  bool ready(ConnectionId id) const;  // it has greeted, and has no session of its own

 private:
  enum class Stage : std::uint8_t {
    idle,       // the connection is there, nothing is asked for
    acquiring,  // the Acquire is on its way into the log
    waiting,    // it stands in line
    held,
    lost,  // the command was, or is being, stopped; the session ends when nobody holds it any more, or by its
           // lease
    closing,  // the Close is on its way
  };
  struct Record : Lease {
    Credentials who;
    bool greeted = false;
    std::uint32_t speaks = 1;  // of the tools' protocol, both ends
    bool connected = true;
    bool holders = true;  // somebody has, or will be given, the descriptor
    Stage stage = Stage::idle;
    bool abandoned = false;     // acquiring, but nobody waits for the answer any more: close what it opens
    bool cancel_asked = false;  // the tool waits for Cancelled (or Granted)
    bool cancel_sent = false;
    bool release_asked = false;  // the tool waits for Released
    local::Acquire asked;
    Instant asked_at;
    std::optional<Instant> hurried;      // it is not to wait (-n), or no longer: since when that counts
    std::optional<std::uint8_t> status;  // of the command, as its wrapper says
    bool released = false;               // its wrapper has said so, and descendants hold on
    std::vector<SessionId> inside;       // whose commands it was asked from, outermost first
    Token token;
    SessionId kept;  // the session of the HoldRecord that the driver has; 0: none
    std::uint64_t acquire_ticket = 0;
    Instant acquire_sent;
    bool signalled = false;  // the process that is the holder
    std::string watched;     // the leadership whose changes it wants to hear of
    std::uint64_t watch_request = 0;
  };
  struct Ticket {
    enum class Kind : std::uint8_t {
      acquire,
      cancel,
      close,
      renew,
      list,
      break_it,
      election
    } kind = Kind::acquire;
    std::vector<ConnectionId> connections;  // one, except for renew
    Instant sent;
    Question question;
    std::uint64_t request = 0;                 // the tool's, of a break
    std::optional<local::Request> election{};  // that this is a step of
    bool ordered = false;                      // a Stand or Depose, on its way into the log
  };

  // ---- sessions_requests.cpp: what a tool asks for
  void asked(Instant now, ConnectionId id, Record& record, const local::Hello& request);
  void asked(Instant now, ConnectionId id, Record& record, const local::Acquire& request);
  void asked(Instant now, ConnectionId id, Record& record, const local::Started& request);
  void asked(Instant now, ConnectionId id, Record& record, const local::Cancel& request);
  void asked(Instant now, ConnectionId id, Record& record, const local::Release& request);
  void asked(Instant now, ConnectionId id, Record& record, const local::ListLocks& request);
  void asked(Instant now, ConnectionId id, Record& record, const local::ListWaits& request);
  void asked(Instant now, ConnectionId id, Record& record, const local::ListHistory& request);
  void asked(Instant now, ConnectionId id, Record& record, const local::ListPeers& request);
  void asked(Instant now, ConnectionId id, Record& record, const local::Resume& request);
  void asked(Instant now, ConnectionId id, Record& record, const local::Break& request);
  void asked(Instant, ConnectionId, Record&, const local::LetGo&) {}       // let_go(), with the machine
  void asked(Instant, ConnectionId, Record&, const local::RaiseLevel&) {}  // the driver's affair
  void asked(Instant now, ConnectionId id, Record& record, const local::Completed& request);
  void asked(Instant now, ConnectionId id, Record& record, const local::ListLeaders& request);
  void asked(Instant now, ConnectionId id, Record& record, const local::WatchLeader& request);
  void asked(Instant now, ConnectionId id, Record& record, const local::Depose& request);
  void asked(Instant now, ConnectionId id, Record& record, const local::Stand& request);
  void submit_acquire(Instant now, ConnectionId id, Record& record);
  void refuse(ConnectionId id, std::uint64_t request, local::RefusedKind kind, std::string why);
  bool refuse_unguardable(const FromTool& event);

  // ---- sessions_hurry.cpp: what is not to wait
  void hurry(Instant now, ConnectionId id, Record& record);
  void give_up_late(Instant now);
  void give_up(const Hurry::Late& late);
  void give_up_acquire(ConnectionId id, Record& record, bool may_be_ordered);
  void give_up_break(const Ticket& ticket, bool may_be_ordered);
  std::string no_leader_text() const;
  bool kept_out_by_nobody(const Record& record, service::Refusal why) const;
  void orphan(const Record& record);

  // ---- sessions_outcomes.cpp: what the log says
  void acquired(Instant now, ConnectionId id, Record& record, const Outcome& event,
                const service::Machine& machine);
  void cancelled(ConnectionId id, Record& record, const Outcome& event);
  void closed(ConnectionId id, Record& record);
  void renewed(Instant now, const Ticket& ticket, const service::Machine& machine);
  void granted(Instant now, ConnectionId id, Record& record, Token token, const service::Machine& machine);
  void deadlocked(ConnectionId id, Record& record, const service::Cycle& cycle,
                  const service::Machine& machine);
  void joined(ConnectionId id, Record& record, std::uint8_t status);
  void abandon(SessionId session);
  void ended(Instant now, ConnectionId id, Record& record, const std::string& why);
  void list(const Ticket& ticket, const service::Machine& machine, WallTime wall);

  // ---- sessions_elections.cpp
  static Ticket of_election(Instant now, ConnectionId id, local::Request request);
  void query_election(Instant now, ConnectionId id, local::Request request);
  void election_ready(const Ticket& what, const service::Machine& machine, WallTime wall);
  void election_ordered(ConnectionId id, const Record& record, const Ticket& what, const Outcome& event);
  void depose(Instant when, ConnectionId id, const local::Depose& asked, const service::Machine& machine);
  void list_leaders(ConnectionId id, const local::ListLeaders& asked, const service::Machine& machine,
                    WallTime wall);
  void show_watched(ConnectionId id, const Record& record, const service::Machine& machine, WallTime wall);
  void stop_watching(ConnectionId id, Record& record);
  void order(Instant asked, ConnectionId id, local::Request request, service::Body body);
  void stand(Instant asked, ConnectionId id, const Record& record, const local::Stand& request);
  void step_down(Instant now, ConnectionId id, Record& record, bool preempted);
  void dismissed(ConnectionId id, Record& record, service::Refusal why);

  // ---- sessions_resume.cpp: what outlives this process, and what an earlier one has left
  void keep(ConnectionId id, Record& record);
  void forget(Record& record);
  void close_strangers(service::ClientId self, const service::Machine& machine);
  void take_over(Instant now, ConnectionId from, ConnectionId to);

  // ---- sessions_break.cpp: ends that somebody else asks for
  void break_ordered(const Ticket& ticket, const Outcome& event, const service::Machine& machine);
  void break_hold(Instant now, ConnectionId id, Record& record, const std::string& user);
  void let_go(ConnectionId id, const Record& asker, const local::LetGo& request,
              const service::Machine& machine);
  void tell_breakers(SessionId session);
  void tell_breakers_of_gone(const service::Machine& machine);

  // ---- sessions.cpp
  void close(ConnectionId id, Record& record, service::CloseReason why);
  void holders_vanished(ConnectionId id, Record& record);
  void stop_holders(ConnectionId id, Record& record, bool kill);
  void finish(ConnectionId id);
  void say(ConnectionId id, const Record& record, local::Answer answer);
  void say_quorum(ConnectionId id, const Record& record);
  void lose(ConnectionId id, Record& record, const std::string& why);
  void pass_on(ConnectionId id, Record& record);
  void renew(Instant now, const Leases::Due& due);
  std::uint64_t ticket(Ticket what);
  void submit(Ticket what, service::Body body);
  void set_alarm(ConnectionId id, Record& record);
  Record* find(ConnectionId id);
  std::vector<SessionId> sessions_of(const std::vector<ConnectionId>& connections);
  bool waits_for_itself(const FromTool& event, const local::Acquire& request,
                        const service::Machine& machine);
  SessionActions take() { return std::exchange(out_, {}); }

  SessionsConfig config_;
  std::map<ConnectionId, Record> records_;
  std::map<SessionId, ConnectionId> by_session_;
  std::map<std::uint64_t, Ticket> tickets_;
  Leases leases_;
  Hurry hurry_;  // by ticket
  std::uint64_t next_ticket_ = 1;
  // Who waits for the end of a session that it wants broken, or released.
  std::multimap<SessionId, std::pair<ConnectionId, std::uint64_t>> breakers_;
  std::map<std::string, std::set<ConnectionId>> watchers_;  // by name
  bool quorum_ = false;
  std::string not_begun_;
  // Of requests that were given up and ordered all the same, until they are closed: their names, and whether
  // they are leaderships.
  std::map<SessionId, std::pair<std::vector<std::string>, bool>> orphans_;
  bool strangers_due_ = false;          // sessions of earlier lives that nobody uses are still to be closed
  service::ClientId complete_since_{};  // of those that were opened from here on
  SessionActions out_;
};

}  // namespace coord::replica
