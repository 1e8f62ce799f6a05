// SPDX-License-Identifier: MIT
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
// A peer that is killed and started again takes its sessions back (resuming.cpp).
//
// A session is opened by the first Acquire of a connection and ends by itself when the connection is gone and
// nobody holds its descriptor any more (the kernel is asked: a wrapper killed with -9 ends nothing while its
// command runs), or when it is released. While it lives it is renewed every quarter of its TTL, many sessions
// in one command; but a grant only once its tool has taken it up, which a tool that is stopped does not. One
// that is not taken up soon is passed on (wire/local_taking.hpp).
//
// A clerk of the desk (desk.hpp), by subject: greetings and what a connection is (sessions.cpp), from the
// Acquire to the grant (acquiring.cpp), from the grant to the end (holding.cpp), ends that others ask for
// (breaking.cpp), leaderships (leading.cpp), listings, and what outlives the process (resuming.cpp).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replica/clerk.hpp"
#include "replica/listings.hpp"

namespace coord::replica {

enum class SessionStage : std::uint8_t {
  idle,       // the connection is there, nothing is asked for
  acquiring,  // the Acquire is on its way into the log
  waiting,    // it stands in line
  held,
  // the command was, or is being, stopped; the session ends when nobody holds it any more, or by its lease
  // (renewed until then if it took part in an epoch in an earlier life)
  lost,
  closing,  // the Close is on its way
};
// A connection, and the session that it has.
struct SessionRecord : Lease {
  Credentials who;
  bool greeted = false;
  std::uint32_t speaks = 1;  // of the tools' protocol, both ends
  bool connected = true;
  bool holders = true;  // somebody has, or will be given, the descriptor
  SessionStage stage = SessionStage::idle;
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

inline constexpr const char* peer_restarted = "the peer restarted";

class Sessions : public Clerk<Sessions, SessionRecord> {
 public:
  using Stage = SessionStage;
  using Record = SessionRecord;
  // What tools say that is for this clerk (Started and Cancel if no other one has the connection), and the
  // effects that it acts on.
  using Serves = service::Types<local::Hello, local::Acquire, local::Started, local::Cancel, local::Release,
                                local::Resume, local::Break, local::LetGo, local::ListLocks, local::ListWaits,
                                local::ListHistory, local::ListPeers, local::Completed, local::ListLeaders,
                                local::WatchLeader, local::Depose, local::Stand>;
  using Hears = service::Types<service::Granted, service::BreakAsked, service::Closed, service::Deadlocked,
                               service::Joined, service::Opened, service::StepDown, service::Dismissed>;

  explicit Sessions(Ledger& ledger) : Clerk(ledger) {}

  void take_up(Instant now, const Recovered& event);
  void on(Instant now, const FromTool& event, const service::StateMachine& machine, WallTime wall);
  void on(const ToolGone& event);
  void on(const HoldersGone& event);
  void on(const CommandGone& event);
  void on(Instant now, const HeldElsewhere& event);
  // `self`: this peer's registration.
  void on(Instant now, const Applied& event, service::ClientId self, const service::StateMachine& machine);
  void on(Instant now, const Replaced&, const service::StateMachine& machine);
  // After the other two: what watchers of leaderships hear.
  void watched(const Applied& event, const service::StateMachine& machine, WallTime wall);
  void watched(const Replaced&, const service::StateMachine& machine, WallTime wall);
  void quorum_is(Instant now, bool quorum);
  void tick(Instant now);

  bool ready(ConnectionId id) const;            // it has greeted, and has no session of its own
  SessionId session_of(ConnectionId id) const;  // 0: it has none, yet or any more
  // What it holds has not been renewed for so long that its wrapper stops the command now, or has done so.
  bool is_overdue(Instant now, ConnectionId id) const;

 private:
  friend Clerk;
  // What is being served or heard, and when.
  struct Scene {
    Instant now;
    WallTime wall;
    const FromTool& event;
    const service::StateMachine& machine;
  };
  struct News {
    Instant now;
    service::ClientId self;
    const service::StateMachine& machine;
  };

  // ---- sessions.cpp: connections, their quorum, their leases
  void asked(const Scene& at, Record& record, const local::Hello& request);
  void open(const Credentials& who, ConnectionId id);
  bool refuse_unguardable(const FromTool& event);
  LeaseUse use_of(const Record& record) const;
  void renewed(Instant now, ConnectionId id, Record& record, Instant sent,
               const service::StateMachine& machine);
  void finish(ConnectionId id);
  void say_quorum(ConnectionId id, const Record& record);
  std::vector<SessionId> sessions_of(const std::vector<ConnectionId>& connections);
  std::string no_leader_text() const;

  // ---- acquiring.cpp: from the Acquire to the grant, or to no grant
  void asked(const Scene& at, Record& record, const local::Acquire& request);
  void asked(const Scene& at, Record& record, const local::Cancel& request);
  bool waits_for_itself(const Scene& at, const local::Acquire& request);
  void submit_acquire(Instant now, ConnectionId id, Record& record);
  void acquired(const Ledger::Heard& heard, ConnectionId id, Record& record);
  void not_acquired(const Ledger::Heard& heard, ConnectionId id, Record& record);
  void stands(Instant now, ConnectionId id, Record& record, const service::Standing& standing,
              const service::StateMachine& machine);
  void granted(Instant now, ConnectionId id, Record& record, Token token,
               const service::StateMachine& machine);
  void deadlocked(ConnectionId id, Record& record, const service::Cycle& cycle,
                  const service::StateMachine& machine);
  void joined(ConnectionId id, Record& record, std::uint8_t status);
  void dismissed(ConnectionId id, Record& record, service::Refusal why);
  void hurry(Instant now, ConnectionId id, Record& record);
  void hurry_acquire(ConnectionId id, std::uint64_t ticket, Instant since);
  void cancelled(ConnectionId id, Record& record, const Outcome& event);
  void give_up_acquire(ConnectionId id, Record& record, bool may_be_ordered);
  void orphan(const Record& record);
  bool kept_out_by_nobody(const Record& record, service::Refusal why) const;
  void heard(const News& at, const service::Granted& grant);
  void heard(const News& at, const service::Deadlocked& stuck);
  void heard(const News& at, const service::Joined& other);
  void heard(const News& at, const service::Opened& open);
  void heard(const News& at, const service::Dismissed& out);

  // ---- holding.cpp: from the grant to the end
  void asked(const Scene& at, Record& record, const local::Started& request);
  void asked(const Scene& at, Record& record, const local::Release& request);
  void holders_vanished(ConnectionId id, Record& record);
  void stop_holders(ConnectionId id, Record& record, bool kill);
  void lose(ConnectionId id, Record& record, const std::string& why);
  void pass_on(ConnectionId id, Record& record);
  void close(ConnectionId id, Record& record, service::CloseReason why);
  void closed(ConnectionId id, Record& record);
  void ended(Instant now, ConnectionId id, Record& record, const std::string& why);
  void heard(const News& at, const service::Closed& end);

  // ---- breaking.cpp: ends that somebody else asks for
  void asked(const Scene& at, Record& record, const local::Break& request);
  void asked(const Scene& at, Record& record, const local::LetGo& request);
  void break_ordered(const Ledger::Heard& heard, ConnectionId id, std::uint64_t request);
  void give_up_break(ConnectionId id, std::uint64_t request, bool may_be_ordered);
  void break_hold(Instant now, ConnectionId id, Record& record, const std::string& user);
  void tell_breakers(SessionId session);
  void tell_breakers_of_gone(const service::StateMachine& machine);
  void heard(const News& at, const service::BreakAsked& broken);

  // ---- leading.cpp: what leaderships have and locks have not
  void asked(const Scene& at, Record& record, const local::Completed& request);
  void asked(const Scene& at, Record& record, const local::ListLeaders& request);
  void asked(const Scene& at, Record& record, const local::WatchLeader& request);
  void asked(const Scene& at, Record& record, const local::Depose& request);
  void asked(const Scene& at, Record& record, const local::Stand& request);
  template <class Then>
  void ask_first(ConnectionId id, std::uint64_t request, const char* otherwise, Then then);
  void order(Instant asked, ConnectionId id, std::uint64_t request, service::Body body);
  void ordered(const Outcome& event, ConnectionId id, const Record& record, std::uint64_t request);
  void depose(Instant when, ConnectionId id, const local::Depose& asked,
              const service::StateMachine& machine);
  void stand(Instant when, ConnectionId id, const Record& record, const local::Stand& request);
  void list_leaders(ConnectionId id, const local::ListLeaders& asked, const service::StateMachine& machine,
                    WallTime wall);
  void show_watched(ConnectionId id, const Record& record, const service::StateMachine& machine,
                    WallTime wall);
  void stop_watching(ConnectionId id, Record& record);
  void step_down(Instant now, ConnectionId id, Record& record, bool preempted);
  void heard(const News& at, const service::StepDown& down);

  // ---- listings.cpp
  void asked(const Scene& at, Record&, const local::ListLocks& request) { list(at, request); }
  void asked(const Scene& at, Record&, const local::ListWaits& request) { list(at, request); }
  void asked(const Scene& at, Record&, const local::ListHistory& request) { list(at, request); }
  void asked(const Scene& at, Record& record, const local::ListPeers& request);
  void list(const Scene& at, const Question& question);

  // ---- resuming.cpp: what outlives this process, and what an earlier one has left
  void asked(const Scene& at, Record& record, const local::Resume& request);
  void keep(ConnectionId id, Record& record);
  void forget(Record& record);
  static void keep_deadline(Record& record);
  void say_restarted(ConnectionId id, const Record& record);
  void close_strangers(service::ClientId self, const service::StateMachine& machine);
  void take_over(Instant now, ConnectionId from, ConnectionId to);

  // Who waits for the end of a session that it wants broken, or released.
  std::multimap<SessionId, std::pair<ConnectionId, std::uint64_t>> breakers_;
  std::map<std::string, std::set<ConnectionId>> watchers_;  // by name
  // Of requests that were given up and ordered all the same, until they are closed: their names, and whether
  // they are leaderships.
  std::map<SessionId, std::pair<std::vector<std::string>, bool>> orphans_;
  bool strangers_due_ = false;          // sessions of earlier lives that nobody uses are still to be closed
  service::ClientId complete_since_{};  // of those that were opened from here on
};

}  // namespace coord::replica
