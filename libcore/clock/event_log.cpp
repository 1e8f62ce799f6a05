// SPDX-License-Identifier: MIT
#include "clock/event_log.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/format.hpp"

namespace coord::clock {

void EventLog::add(const LogLine& line, std::size_t log, std::uint64_t line_number) {
  COORD_CHECK(events_.size() < no_event);
  sorted_.assign(line.clock.entries.begin(), line.clock.entries.end());
  const auto by_host = [](const ClockEntry& a, const ClockEntry& b) { return a.host < b.host; };
  if (!std::ranges::is_sorted(sorted_, by_host)) std::ranges::sort(sorted_, by_host);
  sorted_hosts_.clear();
  const std::uint64_t first_count = counts_.size();
  std::uint64_t sum = 0;
  for (const auto& entry : sorted_) {
    sorted_hosts_.push_back(entry.host);
    counts_.push_back(entry.count);
    if (__builtin_add_overflow(sum, entry.count, &sum)) sum = UINT64_MAX;
  }
  std::uint32_t shape = events_.empty() ? 0 : events_.back().shape;
  if (events_.empty() || shapes_[shape] != sorted_hosts_) {
    const auto [known, is_new] =
        shape_numbers_.try_emplace(sorted_hosts_, static_cast<std::uint32_t>(shapes_.size()));
    if (is_new) shapes_.push_back(sorted_hosts_);
    shape = known->second;
  }
  events_.push_back({line.host, static_cast<std::uint32_t>(log), line_number, line.own, sum, first_count,
                     shape, lines_.size(), static_cast<std::uint32_t>(line.raw.size()),
                     static_cast<std::uint32_t>(line.text.size()), line.wall});
  if (keep_texts_) lines_.append(line.raw);
}

void EventLog::index() {
  by_host_.assign(hosts_.size(), {});
  for (EventIndex event = 0; event < events_.size(); ++event) by_host_[events_[event].host].push_back(event);
  const auto own = [this](EventIndex event) { return events_[event].own; };
  for (auto& events : by_host_) {
    if (!std::ranges::is_sorted(events, {}, own)) std::ranges::stable_sort(events, {}, own);
  }
}

std::string_view EventLog::line(EventIndex event) const {
  COORD_CHECK(keep_texts_);
  return std::string_view(lines_).substr(events_[event].line_at, events_[event].line_size);
}

std::string_view EventLog::text(EventIndex event) const {
  return line(event).substr(events_[event].line_size - events_[event].text_size);
}

std::string EventLog::name(EventIndex event) const {
  return fmt::format("{}={}", hosts_.name(events_[event].host), events_[event].own);
}

std::string EventLog::token(EventIndex event) const {
  std::string out = fmt::format("{}:{{", hosts_.name(events_[event].host));
  const auto hosts = shape(event);
  const auto known = counts(event);
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, hosts_.name(hosts[i]));
    out += fmt::format(":{}", known[i]);
  }
  return fmt::format("{}}}", out);
}

std::span<const EventIndex> EventLog::of(HostIndex host) const {
  return host < by_host_.size() ? std::span<const EventIndex>(by_host_[host]) : std::span<const EventIndex>();
}

std::size_t EventLog::rank(HostIndex host, std::uint64_t own) const {
  const auto events = of(host);
  if (events.empty() || events_[events.front()].own > own) return 0;
  // Without gaps and duplicates the place follows from the number.
  const std::uint64_t guess = own - events_[events.front()].own;
  if (guess < events.size() && events_[events[guess]].own == own &&
      (guess + 1 == events.size() || events_[events[guess + 1]].own > own))
    return guess + 1;
  const auto above =
      std::ranges::upper_bound(events, own, {}, [this](EventIndex event) { return events_[event].own; });
  return static_cast<std::size_t>(above - events.begin());
}

EventIndex EventLog::find(HostIndex host, std::uint64_t own) const {
  const auto events = of(host);
  std::size_t above = rank(host, own);
  if (above == 0 || events_[events[above - 1]].own != own) return no_event;
  while (above > 1 && events_[events[above - 2]].own == own) --above;
  return events[above - 1];
}

std::uint64_t EventLog::count(EventIndex event, HostIndex host) const {
  const auto hosts = shape(event);
  const auto found = std::ranges::lower_bound(hosts, host);
  return found == hosts.end() || *found != host
             ? 0
             : counts(event)[static_cast<std::size_t>(found - hosts.begin())];
}

void EventLog::news(EventIndex event, EventIndex previous, std::vector<ClockEntry>& news) const {
  news.clear();
  const HostIndex self = events_[event].host;
  const auto hosts = shape(event);
  const auto known = counts(event);
  const bool same_shape = previous != no_event && events_[previous].shape == events_[event].shape;
  const auto before = same_shape ? counts(previous) : std::span<const std::uint64_t>();
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (hosts[i] == self) continue;
    const std::uint64_t old = same_shape ? before[i] : previous == no_event ? 0 : count(previous, hosts[i]);
    if (known[i] > old) news.push_back({hosts[i], known[i]});
  }
}

void EventLog::messages_into(EventIndex event, EventIndex previous, std::vector<Message>& messages) const {
  messages.clear();
  std::vector<ClockEntry> left;
  news(event, previous, left);
  // The event with the greatest sum is known to none of the others: it is a sender. What it knew needs no
  // message of its own.
  while (!left.empty()) {
    std::size_t best = 0;
    std::uint64_t greatest = 0;
    for (std::size_t i = 0; i < left.size() && left.size() > 1; ++i) {
      const EventIndex sender = find(left[i].host, left[i].count);
      if (sender == no_event || events_[sender].sum <= greatest) continue;
      greatest = events_[sender].sum;
      best = i;
    }
    const ClockEntry entry = left[best];
    const EventIndex sender = find(entry.host, entry.count);
    messages.push_back({entry.host, entry.count, sender, event});
    std::erase_if(left, [&](const ClockEntry& other) {
      return other.host == entry.host || (sender != no_event && count(sender, other.host) >= other.count);
    });
  }
}

}  // namespace coord::clock
