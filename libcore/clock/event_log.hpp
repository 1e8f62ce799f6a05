// SPDX-License-Identifier: MIT
// A whole log in memory, for the questions that need it at random: which event, what did it know, what told
// it. Counters are stored by shape (the set of hosts that a clock names), so that a million events of a few
// hosts take little more than their numbers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clock/log_line.hpp"

namespace coord::clock {

using EventIndex = std::uint32_t;
inline constexpr EventIndex no_event = UINT32_MAX;

struct LogEvent {
  HostIndex host;
  std::uint32_t log;  // which file
  std::uint64_t line_number;
  std::uint64_t own;
  std::uint64_t sum;  // of the clock's entries, at most 2^64 - 1: who knows of an event has a greater one
  std::uint64_t first_count;  // in the counts, in the order of its shape
  std::uint32_t shape;
  std::uint64_t line_at;               // of the whole line, if texts are kept
  std::uint32_t line_size, text_size;  // bytes; the event's text is the end of the line
  std::optional<WallTime> wall;
};

// One message as the clocks betray it: its receipt taught `receiver` about event number `own` of `host`.
struct Message {
  HostIndex host;
  std::uint64_t own;
  EventIndex sender;  // no_event: the logs do not have it
  EventIndex receiver;
};

class EventLog {
 public:
  explicit EventLog(const HostTable& hosts, bool keep_texts) : hosts_(hosts), keep_texts_(keep_texts) {}

  void add(const LogLine& line, std::size_t log, std::uint64_t line_number);
  // After the last add(): sorts each host's events by their own entry.
  void index();

  const HostTable& hosts() const { return hosts_; }
  std::size_t size() const { return events_.size(); }
  const LogEvent& operator[](EventIndex event) const { return events_[event]; }
  std::string_view line(EventIndex event) const;  // as read, without its newline
  std::string_view text(EventIndex event) const;
  std::string name(EventIndex event) const;  // "HOST=N"
  std::string token(EventIndex event) const;

  // The events of a host by own entry (equal ones in the order of add()); hosts without events have none.
  std::span<const EventIndex> of(HostIndex host) const;
  EventIndex find(HostIndex host, std::uint64_t own) const;  // the first such, or no_event
  // How many events of `host` have an own entry of at most `own`.
  std::size_t rank(HostIndex host, std::uint64_t own) const;
  // How many events of `host` the event knows.
  std::uint64_t count(EventIndex event, HostIndex host) const;

  std::span<const HostIndex> shape(EventIndex event) const { return shapes_[events_[event].shape]; }
  std::span<const std::uint64_t> counts(EventIndex event) const {
    return {counts_.data() + events_[event].first_count, shape(event).size()};
  }
  // The entries of other hosts that `event` knows more of than `previous` (no_event: than nothing).
  void news(EventIndex event, EventIndex previous, std::vector<ClockEntry>& news) const;
  // The messages received at `event`: its news, without what another of them already
  // knew. Usually one or none.
  void messages_into(EventIndex event, EventIndex previous, std::vector<Message>& messages) const;
  // Calls `visit(event, previous of its host or no_event)` for every event, host by host.
  template <class Visit>
  void each_with_previous(Visit visit) const {
    for (HostIndex host = 0; host < hosts_.size(); ++host) {
      EventIndex previous = no_event;
      for (const EventIndex event : of(host)) {
        visit(event, previous);
        previous = event;
      }
    }
  }

 private:
  const HostTable& hosts_;
  bool keep_texts_;
  std::vector<LogEvent> events_;
  std::vector<std::uint64_t> counts_;
  std::string lines_;
  std::vector<std::vector<HostIndex>> shapes_;  // ascending
  std::map<std::vector<HostIndex>, std::uint32_t> shape_numbers_;
  std::vector<ClockEntry> sorted_;
  std::vector<HostIndex> sorted_hosts_;
  std::vector<std::vector<EventIndex>> by_host_;
};

}  // namespace coord::clock
