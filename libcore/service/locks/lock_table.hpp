// SPDX-License-Identifier: MIT
// Who holds and who queues for each name, and the one question that locks are about: can this
// request be granted now? Computed from State and kept in step with it by the machine; the names
// that are here are those in use.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "service/locks/commands.hpp"
#include "service/locks/state.hpp"

namespace coord::service {

struct Holder {
  Mode mode = Mode::exclusive;
  LogIndex place;  // of its request; 0: the hold is over, a LingeringHold with this token keeps the name shut
  Token family{};  // whose hold it counts with: its own, or that of the hold which it re-entered
  std::optional<EnterBy> by{};  // it takes part
};

struct Lock {
  std::uint32_t permits = 1;
  Duration period{};                // not 0: a rate, of so many permits a period
  std::optional<EnterBy> by{};      // by which those enter who take part; empty: nobody does, or waits to
  bool closed = false;              // nobody more does, until all have left
  std::map<Token, Holder> holders;  // by the grant's own number
  // How many of them count together: a family takes one slot and lets in only its own.
  std::map<Token, std::uint32_t> families;
  std::uint32_t exclusive = 0;           // how many holders are
  std::size_t taking_part = 0;           // holders that do
  std::size_t waiting_to_take_part = 0;  // of those in line
  std::set<LogIndex> waiting;            // in line
  std::set<LogIndex> waiting_exclusive;  // those of them that share with nobody

  bool free() const { return holders.empty() && waiting.empty(); }
  bool shared_only() const { return exclusive == 0; }
};

class LockTable {
 public:
  const std::map<std::string, Lock>& all() const { return locks_; }
  const Lock* find(const std::string& name) const;

  // Whether every name of the request is free or in use with the same number of permits.
  bool permits_fit(const Request& request) const;
  bool period_fits(const Request& request) const;  // and the same period, or none
  // And nobody takes part, or waits to, or by the same algorithm. To take part one may ask while others have
  // the name: then it waits for them all.
  bool entry_fits(const Request& request) const;
  bool entry_can_be(const Request& request) const;      // of a state that is restored
  std::size_t new_names(const Request& request) const;  // how many of its names are not in use

  // The rule of the header of locks.hpp; `place` is the request's place in line. `entered` is as
  // Request::entered: a name that is re-entered admits it whoever else is there.
  bool admits(const Request& request, LogIndex place, const std::vector<Token>& entered) const;
  // The waiting requests that a change at these names may have let in, oldest first. Granting one lets in no
  // other, unless it re-enters a name.
  std::set<LogIndex> candidates(const std::set<std::string>& names) const;

  void wait(const Request& request, LogIndex place);
  void stop_waiting(const Request& request, LogIndex place);
  // Takes the names, or changes what is known of the holder.
  void hold(const std::vector<std::string>& names, std::uint32_t permits, Token token, Holder holder,
            const std::vector<Token>& entered, Duration period);
  void let_go(const std::vector<std::string>& names, Token token);
  void close(const std::string& name, bool closed);

 private:
  bool admits_at(const Lock& lock, const Request& request, LogIndex place) const;
  static void look_who_takes_part(Lock& lock);
  void drop_if_free(std::map<std::string, Lock>::iterator lock);

  std::map<std::string, Lock> locks_;
};

}  // namespace coord::service
