// SPDX-License-Identifier: MIT
// The rare part of the merge: what to do when no candidate is ready (see log_merge.hpp).
#include <algorithm>
#include <set>

#include "base/format.hpp"
#include "clock/log_merge.hpp"

namespace coord::clock {

// The second look: how many usable lines of each host the log has, and whether they ascend.
Status LogMerge::count(Log& log) {
  if (log.at_end || log.counted) return done();
  const auto second = log.reader->again();
  if (!second) return done();
  LogLine line;
  std::uint64_t last = 0;
  for (;;) {
    const auto read = second->next(line);
    if (!read) return read.error();
    if (!*read) break;
    if (const auto key = key_of(line); !key) {
      if (auto rejected = second->reject(key.error().what, key.error().remedy); !rejected) return rejected;
      continue;
    }
    Share& its = share(log, line.host);
    ++its.total;
    if (line.own <= its.last_counted) its.ascends = false;
    its.last_counted = line.own;
    if (line.own < last) log.ascends = false;
    last = line.own;
  }
  log.counted = true;
  return done();
}

Status LogMerge::resolve_stall() {
  if (!counted_) {
    for (auto& log : logs_) {
      if (auto counted = count(log); !counted) return counted;
    }
    counted_ = true;
    examine_all();
  }
  while (!any_ready()) {
    std::set<HostIndex> wanted;
    bool changed = false;  // a candidate waits no more, for what it waited for turned out to be missing
    for (const auto& one : by_host_) {
      if (one.held.empty()) continue;
      const auto waits_for = blocker(*one.held.top());
      if (waits_for) wanted.insert(waits_for->host);
      changed = changed || !waits_for;
    }
    if (changed) {
      examine_all();
      continue;
    }
    const auto helped = read_helpful(wanted);
    if (!helped) return helped.error();
    if (!*helped) return cycle();
  }
  return done();
}

// One more line from each log that can bring an event of a `wanted` host; false if there is none.
Result<bool> LogMerge::read_helpful(const std::set<HostIndex>& wanted) {
  bool helped = false;
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    const Log& log = logs_[i];
    const auto can_bring = [&](HostIndex index) {
      return !log.counted || (index < log.shares.size() && log.shares[index].read < log.shares[index].total);
    };
    if (log.at_end || std::ranges::none_of(wanted, can_bring)) continue;
    if (auto read = read_one(i); !read) return read.error();
    helped = true;
  }
  return helped;
}

// Everything that could be read is held and nothing is ready: from each candidate to the one it waits for,
// until one comes again.
Error LogMerge::cycle() {
  Event* event = nullptr;
  for (const auto& one : by_host_) {
    if (!one.held.empty()) event = one.held.top();
  }
  std::set<Event*> met;
  while (met.insert(event).second) event = by_host_[blocker(*event)->host].held.top();
  const auto named = [&](const Event* one) {
    return fmt::format("{}={}", hosts_.name(one->line.host), one->line.own);
  };
  Event* other = by_host_[blocker(*event)->host].held.top();
  const std::string place = fmt::format("{}:{}", logs_[event->log].reader->name(), event->line_number);
  return {ErrorKind::data, place, fmt::format("{} comes before {} and after it", named(event), named(other)),
          "the logs are not valid: see dclock validate"};
}

}  // namespace coord::clock
