// SPDX-License-Identifier: MIT
// The desk at which a host's tools are served: what they ask for becomes commands of the log, what the log
// says becomes answers.
//
// Problem: locks, leaderships, barriers and enrolments are asked for on the same connections, wait for
// the same log, hear of the same majority, and each has its own rules for what an answer means and when a
// command must stop. One class of it all grows with every primitive; one for each repeats the way into
// the log and back. So there is a clerk for each kind of thing (sessions.hpp, participants.hpp,
// enrolments.hpp, orders.hpp), which knows its rules, and what they share stands once: the ledger of what was
// submitted and asked (ledger.hpp), and records, leases and renewals (clerk.hpp). The desk hands each
// event to those whom it concerns; which requests and effects are whose, each clerk says in a list, and a
// request that nobody serves does not compile.
//
// Told: requests of tools, ends of connections and of holders, the replica's outcomes. Answers: commands to
// submit, answers to tools, commands to stop. Pure; one owner, no threads; stays where it is in memory. The
// same object runs under coordd and in the simulator.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "replica/enrolments.hpp"
#include "replica/ledger.hpp"
#include "replica/orders.hpp"
#include "replica/participants.hpp"
#include "replica/sessions.hpp"
#include "replica/tool_events.hpp"

namespace coord::replica {

class Desk {
 public:
  explicit Desk(SessionsConfig config);
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;
  ~Desk();

  [[nodiscard]] SessionActions on(Instant now, const Recovered& event);
  // What it asks for, it may: admission.hpp.
  [[nodiscard]] SessionActions on(Instant now, const FromTool& event, const service::StateMachine& machine,
                                  WallTime wall);
  [[nodiscard]] SessionActions on(const ToolGone& event);
  [[nodiscard]] SessionActions on(const HoldersGone& event);
  [[nodiscard]] SessionActions on(const CommandGone& event);
  [[nodiscard]] SessionActions on(Instant now, const HeldElsewhere& event);
  [[nodiscard]] SessionActions on(Instant now, const Outcome& event, const service::StateMachine& machine);
  // `self`: this peer's registration.
  [[nodiscard]] SessionActions on(Instant now, const Applied& event, service::ClientId self,
                                  const service::StateMachine& machine, WallTime wall);
  [[nodiscard]] SessionActions on(Instant now, const Replaced& event, service::ClientId self,
                                  const service::StateMachine& machine, WallTime wall);
  [[nodiscard]] SessionActions on(const QueryReady& event, const service::StateMachine& machine,
                                  WallTime wall);
  [[nodiscard]] SessionActions on(const QueryFailed& event);
  // A leader with a majority is known (true), or not.
  [[nodiscard]] SessionActions quorum_is(Instant now, bool quorum);
  // The group has never had one, and what it waits for; empty: it has begun.
  void begins_when(std::string not_begun) { ledger_.not_begun = std::move(not_begun); }
  [[nodiscard]] SessionActions tick(Instant now, const service::StateMachine& machine);
  std::optional<Instant> deadline() const;

  std::size_t size() const { return sessions_.size(); }  // connections that have said something
  const Sessions& sessions() const { return sessions_; }
  const Participants& participants() const { return participants_; }

 private:
  SessionActions take();
  void serve(Instant now, const FromTool& event, const service::StateMachine& machine, WallTime wall);
  void serve_parked(Instant now, const service::StateMachine& machine, WallTime wall);
  void refuse_parked(Instant now, const service::StateMachine& machine);

  // What needs a later level than the group has, as one that has only just begun: until when it waits for it.
  struct Parked {
    Instant end;
    FromTool event;
  };

  Ledger ledger_;
  Sessions sessions_{ledger_};
  Enrolments enrolments_{ledger_};
  Participants participants_{ledger_};
  Orders orders_{ledger_};
  std::vector<Parked> parked_;  // who came first is first
};

}  // namespace coord::replica
