// SPDX-License-Identifier: MIT
#include "clock/diagram.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"

namespace coord::clock {

Diagram diagram_of(const EventLog& log, const std::function<std::string(std::string_view)>& printable) {
  Diagram diagram;
  diagram.events.resize(log.size());
  std::vector<HostIndex> hosts;  // with events, in the order of the logs' lines
  for (HostIndex host = 0; host < log.hosts().size(); ++host) {
    if (!log.of(host).empty()) hosts.push_back(host);
  }
  std::ranges::stable_sort(hosts, {}, [&](HostIndex host) {
    const LogEvent& first = log[log.of(host).front()];
    return std::pair(first.log, first.line_number);
  });
  std::vector<std::size_t> lane_of(log.hosts().size(), 0);
  for (const HostIndex host : hosts) {
    lane_of[host] = diagram.lanes.size();
    diagram.lanes.push_back(printable(log.hosts().name(host)));
  }
  for (EventIndex index = 0; index < log.size(); ++index) {
    Diagram::Event& event = diagram.events[index];
    event.lane = lane_of[log[index].host];
    event.name = printable(log.name(index));
    event.text = printable(log.text(index));
    event.detail = printable(log.line(index));
  }
  std::vector<Message> messages;
  log.each_with_previous([&](EventIndex index, EventIndex previous) {
    log.messages_into(index, previous, messages);
    for (const auto& message : messages) {
      Diagram::Arrow arrow;
      if (message.sender != no_event) arrow.from = message.sender;
      arrow.name = fmt::format("{}={}", printable(log.hosts().name(message.host)), message.own);
      diagram.events[index].arrows.push_back(std::move(arrow));
    }
  });
  return diagram;
}

}  // namespace coord::clock
