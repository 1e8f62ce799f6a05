// SPDX-License-Identifier: MIT
// What the happened-before order says about single events: who may have caused them, whom they
// may have caused, and which are concurrent with them. All logs must be indexed, free of cycles,
// and of a kind that names causes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "clock/event_log.hpp"

namespace coord::clock {

// "HOST=N" as the event that it names; an Error (data) if there is none, (usage) if it is not of this form.
Result<EventIndex> find_event(const EventLog& log, std::string_view name);

inline bool happened_before(const EventLog& log, EventIndex cause, EventIndex effect) {
  return cause != effect && log[cause].own <= log.count(effect, log[cause].host) &&
         (log[cause].host != log[effect].host || log[cause].own < log[effect].own);
}

enum class Cone { past, future, both };
// The events that may have caused `event` or that it may have caused, itself among
// them, in the order of the log.
std::vector<EventIndex> slice(const EventLog& log, EventIndex event, Cone cone);

// How many pairs of events are concurrent: all pairs without the ordered ones, which the clocks count.
std::uint64_t count_concurrent(const EventLog& log);
// The events concurrent with `event`, in the order of the log.
std::vector<EventIndex> concurrent_with(const EventLog& log, EventIndex event);

// Calls `visit(a, b)` for every concurrent pair once. Of another host, those concurrent with an event are
// neighbours: after what it knows of that host, before the first that knows it.
template <class Visit>
void each_concurrent_pair(const EventLog& log, Visit visit) {
  for (HostIndex host = 0; host < log.hosts().size(); ++host) {
    for (const EventIndex a : log.of(host)) {
      for (HostIndex other = host + 1; other < log.hosts().size(); ++other) {
        const auto theirs = log.of(other);
        for (std::size_t i = log.rank(other, log.count(a, other)); i < theirs.size(); ++i) {
          if (log.count(theirs[i], host) >= log[a].own) break;
          visit(a, theirs[i]);
        }
      }
    }
  }
}

}  // namespace coord::clock
