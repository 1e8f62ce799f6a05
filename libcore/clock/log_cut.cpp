// SPDX-License-Identifier: MIT
#include "clock/log_cut.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <string>

#include "base/format.hpp"

namespace coord::clock {
namespace {

// Splits at commas that no backslash precedes, and takes those backslashes off.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == ',') {
      parts.back() += text[++i];
    } else if (text[i] == ',') {
      parts.emplace_back();
    } else {
      parts.back() += text[i];
    }
  }
  return parts;
}

}  // namespace

Result<Cut> parse_cut(std::string_view text, const EventLog& log) {
  Cut cut(log.hosts().size(), 0);
  std::vector<bool> named(cut.size(), false);
  for (const std::string& part : split_list(text)) {
    const std::size_t equals = part.rfind('=');
    std::uint64_t number = 0;
    const char* end = part.data() + part.size();
    const auto read = equals == std::string::npos
                          ? std::from_chars_result{nullptr, std::errc::invalid_argument}
                          : std::from_chars(part.data() + equals + 1, end, number);
    if (read.ec != std::errc() || read.ptr != end || number > largest_counter)
      return Error{ErrorKind::usage, part, "not HOST=N", "a cut is HOST=N,HOST=N"};
    const std::string host = part.substr(0, equals);
    const HostIndex index = log.hosts().find(host);
    const auto events = index == HostTable::none ? std::span<const EventIndex>() : log.of(index);
    if (events.empty())
      return Error{ErrorKind::data, host, "no log has an event of this host", "check its name"};
    if (named[index])
      return Error{ErrorKind::usage, host, "named twice", "a cut has one number for each host"};
    if (number > log[events.back()].own) {
      return Error{ErrorKind::data, part, fmt::format("the last event logged is {}", log.name(events.back())),
                   "choose one that exists"};
    }
    named[index] = true;
    cut[index] = number;
  }
  return cut;
}

CutVerdict judge_cut(const EventLog& log, const Cut& cut) {
  CutVerdict verdict;
  std::vector<Message> messages;
  log.each_with_previous([&](EventIndex event, EventIndex previous) {
    log.messages_into(event, previous, messages);
    const bool received_within = log[event].own <= cut[log[event].host];
    for (const auto& message : messages) {
      const bool sent_within = message.own <= cut[message.host];
      if (received_within && !sent_within) verdict.violations.push_back(message);
      if (!received_within && sent_within) verdict.in_flight.push_back(message);
    }
  });
  return verdict;
}

namespace {

// Its last number of which none before is missing, from its first one on.
std::uint64_t whole_until(const EventLog& log, HostIndex host) {
  const auto events = log.of(host);
  if (events.empty()) return 0;
  const auto gap = std::adjacent_find(events.begin(), events.end(), [&](EventIndex event, EventIndex next) {
    return log[next].own > log[event].own + 1;
  });
  return log[gap == events.end() ? events.back() : *gap].own;
}

// Below the number of this event.
std::uint64_t number_before(const EventLog& log, EventIndex event) {
  const auto events = log.of(log[event].host);
  if (log[event].own == 0) return 0;
  const std::size_t below = log.rank(log[event].host, log[event].own - 1);
  return below == 0 ? 0 : log[events[below - 1]].own;
}

}  // namespace

Cut largest_cut(const EventLog& log) {
  const HostIndex hosts = static_cast<HostIndex>(log.hosts().size());
  Cut cut(hosts, 0);
  for (HostIndex host = 0; host < hosts; ++host) {
    cut[host] = whole_until(log, host);
  }
  for (bool shrinks = true; shrinks;) {
    shrinks = false;
    for (HostIndex host = 0; host < hosts; ++host) {
      for (HostIndex other = 0; other < hosts; ++other) {
        if (other == host) continue;
        auto within = log.of(host).first(log.rank(host, cut[host]));
        const auto beyond = std::partition_point(within.begin(), within.end(), [&](EventIndex event) {
          return log.count(event, other) <= cut[other];
        });
        if (beyond == within.end()) continue;
        const std::uint64_t kept = number_before(log, *beyond);
        shrinks = shrinks || kept < cut[host];
        cut[host] = std::min(cut[host], kept);
      }
    }
  }
  return cut;
}

}  // namespace coord::clock
