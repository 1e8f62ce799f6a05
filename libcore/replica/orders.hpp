// SPDX-License-Identifier: MIT
// What tools say and ask of families that have no requests of their own (wire/local_family.hpp): by the list
// of families, none by name.
//
// Problem: each primitive had its own requests, its own way of refusing, and those that can be watched their
// own list of who watches. What is the same of all stands here once: a command that a tool says is ordered,
// not waited for without a majority, and answered; a question is answered from a machine that is new enough;
// who watches is shown what it asked for again, whenever an effect says that it looks different, and after a
// snapshot, which says nothing of what has changed.
//
// A clerk of the desk (desk.hpp). Pure; one owner, no threads.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "replica/ledger.hpp"

namespace coord::replica {

class Orders {
 public:
  using Serves = service::Types<local::Order, local::Question>;

  explicit Orders(Ledger& ledger) : ledger_(ledger), hurry_(ledger.config.hurry) {}

  // Of a connection that has greeted.
  void asked(Instant now, const FromTool& event, const local::Order& order);
  void asked(const FromTool& event, const local::Question& question, const service::StateMachine& machine,
             WallTime wall);
  void on(const ToolGone& event);
  void on(Instant now, const Applied& event, const service::StateMachine& machine, WallTime wall);
  void on(Instant now, const Replaced&, const service::StateMachine& machine, WallTime wall);
  void quorum_is(Instant now, bool quorum);
  void tick(Instant now) { ledger_.give_up_late(hurry_, now); }
  std::optional<Instant> deadline() const { return hurry_.deadline(); }

 private:
  void ordered(const Outcome& event, ConnectionId id, std::uint64_t request);
  void show(ConnectionId id, const local::Question& question, const service::StateMachine& machine,
            WallTime wall);
  void stop_watching(ConnectionId id);

  Ledger& ledger_;
  Hurry hurry_;
  std::map<ConnectionId, local::Question> watching_;
  std::map<std::string, std::set<ConnectionId>> watchers_;  // by what it is about
};

}  // namespace coord::replica
