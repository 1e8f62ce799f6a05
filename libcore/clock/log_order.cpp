// SPDX-License-Identifier: MIT
#include "clock/log_order.hpp"

#include <charconv>
#include <string>

namespace coord::clock {

Result<EventIndex> find_event(const EventLog& log, std::string_view name) {
  const std::size_t equals = name.rfind('=');
  std::uint64_t number = 0;
  const char* end = name.data() + name.size();
  if (equals == std::string_view::npos || equals == 0)
    return Error{ErrorKind::usage, std::string(name), "not HOST=N", "name one event"};
  const auto read = std::from_chars(name.data() + equals + 1, end, number);
  if (read.ec != std::errc() || read.ptr != end)
    return Error{ErrorKind::usage, std::string(name), "not HOST=N", "name one event"};
  const HostIndex host = log.hosts().find(name.substr(0, equals));
  const EventIndex event = host == HostTable::none ? no_event : log.find(host, number);
  if (event == no_event)
    return Error{ErrorKind::data, std::string(name), "no log has this event", "check host and number"};
  return event;
}

std::vector<EventIndex> slice(const EventLog& log, EventIndex event, Cone cone) {
  std::vector<EventIndex> events;
  for (EventIndex other = 0; other < log.size(); ++other) {
    const bool past = cone != Cone::future && happened_before(log, other, event);
    const bool future = cone != Cone::past && happened_before(log, event, other);
    if (other == event || past || future) events.push_back(other);
  }
  return events;
}

std::uint64_t count_concurrent(const EventLog& log) {
  const std::uint64_t events = log.size();
  std::uint64_t ordered = 0;
  for (EventIndex event = 0; event < events; ++event) {
    const auto hosts = log.shape(event);
    const auto known = log.counts(event);
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      ordered += log.rank(hosts[i], hosts[i] == log[event].host ? known[i] - 1 : known[i]);
    }
  }
  return events == 0 ? 0 : events * (events - 1) / 2 - ordered;
}

std::vector<EventIndex> concurrent_with(const EventLog& log, EventIndex event) {
  std::vector<EventIndex> events;
  for (EventIndex other = 0; other < log.size(); ++other) {
    if (other != event && !happened_before(log, other, event) && !happened_before(log, event, other))
      events.push_back(other);
  }
  return events;
}

}  // namespace coord::clock
