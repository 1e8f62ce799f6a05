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

Cut largest_cut(const EventLog& log) {
  const HostIndex hosts = static_cast<HostIndex>(log.hosts().size());
  Cut cut(hosts, 0);
  for (HostIndex host = 0; host < hosts; ++host) {
    if (const auto events = log.of(host); !events.empty()) cut[host] = log[events.back()].own;
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
        cut[host] = beyond == within.begin() ? 0 : log[*std::prev(beyond)].own;
        shrinks = true;
      }
    }
  }
  return cut;
}

}  // namespace coord::clock
