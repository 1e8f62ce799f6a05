// SPDX-License-Identifier: MIT
#include "clock/log_skew.hpp"

#include <algorithm>

namespace coord::clock {
namespace {

// upper[a][b]: b's clock is at most that far ahead of a's.
class Bounds {
 public:
  explicit Bounds(std::size_t hosts) : hosts_(hosts), upper_(hosts * hosts), messages_(hosts * hosts, 0) {}

  std::optional<Duration>& upper(HostIndex from, HostIndex to) { return upper_[from * hosts_ + to]; }
  std::uint64_t& messages(HostIndex from, HostIndex to) { return messages_[from * hosts_ + to]; }

  void tighten(HostIndex from, HostIndex to, Duration bound) {
    auto& known = upper(from, to);
    if (!known || bound < *known) known = bound;
  }

  // False if some chain leads from a host to itself with a bound below zero.
  bool close() {
    for (HostIndex via = 0; via < hosts_; ++via) {
      for (HostIndex from = 0; from < hosts_; ++from) {
        if (!upper(from, via)) continue;
        for (HostIndex to = 0; to < hosts_; ++to) {
          Duration::rep sum = 0;
          if (!upper(via, to) ||
              __builtin_add_overflow(upper(from, via)->count(), upper(via, to)->count(), &sum))
            continue;
          tighten(from, to, Duration(sum));
        }
      }
    }
    for (HostIndex host = 0; host < hosts_; ++host) {
      if (upper(host, host) && *upper(host, host) < Duration::zero()) return false;
    }
    return true;
  }

 private:
  std::size_t hosts_;
  std::vector<std::optional<Duration>> upper_;
  std::vector<std::uint64_t> messages_;
};

}  // namespace

namespace {

std::vector<StepBack> steps_back(const EventLog& log) {
  std::vector<StepBack> steps;
  EventIndex timed = no_event;  // the host's last event with a time
  log.each_with_previous([&](EventIndex event, EventIndex previous) {
    if (previous == no_event) timed = no_event;
    if (!log[event].wall) return;
    Duration::rep gone = 0;
    const bool in_order = timed != no_event && log[timed].own < log[event].own;
    if (in_order && !__builtin_sub_overflow(log[timed].wall->unix_ns, log[event].wall->unix_ns, &gone) &&
        gone > 0)
      steps.push_back({event, timed, Duration(gone)});
    timed = event;
  });
  return steps;
}

}  // namespace

Result<Skew> measure_skew(const EventLog& log) {
  Skew skew;
  std::vector<HostIndex> hosts;  // those with events
  std::vector<HostIndex> place(log.hosts().size(), 0);
  for (HostIndex host = 0; host < log.hosts().size(); ++host) {
    place[host] = static_cast<HostIndex>(hosts.size());
    if (!log.of(host).empty()) hosts.push_back(host);
  }
  Bounds bounds(hosts.size());
  std::vector<Message> messages;
  bool any_wall = false;
  log.each_with_previous([&](EventIndex event, EventIndex previous) {
    any_wall = any_wall || log[event].wall;
    log.messages_into(event, previous, messages);
    for (const auto& message : messages) {
      if (message.sender == no_event || !log[message.sender].wall || !log[event].wall) continue;
      Duration::rep apparent_delay = 0;
      if (__builtin_sub_overflow(log[event].wall->unix_ns, log[message.sender].wall->unix_ns,
                                 &apparent_delay))
        continue;
      const HostIndex from = place[message.host], to = place[log[event].host];
      bounds.tighten(from, to, Duration(apparent_delay));
      ++bounds.messages(from, to);
      if (apparent_delay < 0) skew.backwards.push_back(message);
    }
  });
  if (!any_wall) return Error{ErrorKind::data, "", "no line has a wall time", "stamp with --wall"};

  skew.steps = steps_back(log);
  skew.constant = bounds.close() && skew.steps.empty();
  for (HostIndex a = 0; a < hosts.size(); ++a) {
    for (HostIndex b = a + 1; b < hosts.size(); ++b) {
      SkewBound bound{hosts[a], hosts[b], std::nullopt, bounds.upper(a, b),
                      bounds.messages(a, b) + bounds.messages(b, a)};
      if (bounds.upper(b, a)) bound.lower = -*bounds.upper(b, a);
      skew.bounds.push_back(bound);
    }
  }
  return skew;
}

}  // namespace coord::clock
