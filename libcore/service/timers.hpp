// SPDX-License-Identifier: MIT
// The leader's clock for the machine: when a lease, a lock delay or a minimum hold is over, it makes the
// command that says so. The machine itself knows no time.
//
// Problem: a lease must end everywhere at once and never while its holder believes in it. If each peer
// expired leases by its own clock, copies would differ. So the leader alone decides, by its own clock,
// counting a lease from when its last renewal was applied here - later than when the holder sent it, from
// which the holder counts - and proposes Expire with the renewal that it has seen: a renewal ordered before
// the Expire makes that void. A new leader has not seen when the last renewals came and holders could not
// renew while there was none: it gives every lease a full TTL from now.
//
// Lock delays and minimum holds are measured by every peer from when it applied their beginning, so that a
// new leader goes on with its own measure (never shorter than asked for) and starts anew only those that came
// in a snapshot.
//
// Inputs: became_leader, lost_leadership, applied (on every peer, after each StateMachine::apply). Queries:
// deadline. due() is asked when the deadline has come; asking early is harmless. A command that gets lost is
// made again after `retry`.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/commands.hpp"
#include "service/effects.hpp"
#include "service/state_machine.hpp"

namespace coord::service {

class LeaderTimers {
 public:
  // commands a due(), so that a dead host's sessions do not fill the log at once
  static constexpr std::size_t batch = 256;

  explicit LeaderTimers(Duration retry = std::chrono::seconds(1)) : retry_(retry) {}

  void became_leader(Instant now, const StateMachine& machine);
  void lost_leadership();
  bool leading() const { return leading_; }

  void applied(Instant now, const Effects& effects, const StateMachine& machine);

  // When due() has something to say next; none: not leading, or nothing is timed.
  std::optional<Instant> deadline() const;
  // Commands to propose; `wall` goes into them for display.
  std::vector<Command> due(Instant now, WallTime wall, const StateMachine& machine);

  // When this leader would expire the session at the earliest, for listings and tests; none: not timed here.
  std::optional<Instant> lease_end(SessionId session) const;

 private:
  struct Key {
    std::optional<TimerKind> kind{};  // none: a session's lease
    std::uint64_t id = 0;             // session, or the timer's token
    auto operator<=>(const Key&) const = default;
  };

  void set(Key key, Instant when);
  void drop(Key key);
  void start_timers(Instant now, const StateMachine& machine);
  std::optional<Body> command_for(Key key, const StateMachine& machine) const;

  Duration retry_;
  bool leading_ = false;
  std::map<Key, Instant> deadlines_;
  std::set<std::pair<Instant, Key>> order_;
};

}  // namespace coord::service
