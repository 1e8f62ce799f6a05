// SPDX-License-Identifier: MIT
#include "clock/log_merge.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/format.hpp"

namespace coord::clock {
namespace {

// A parsed line's views, moved from the reader's buffer to `bytes`.
void own_bytes(LogLine& line, std::string& bytes) {
  const char* from = line.raw.data();
  bytes.assign(line.raw);
  const auto moved = [&](std::string_view view) {
    return view.empty() ? std::string_view()
                        : std::string_view(bytes.data() + (view.data() - from), view.size());
  };
  line.clock_text = moved(line.clock_text);
  line.text = moved(line.text);
  line.raw = bytes;
}

std::uint64_t sum_of_entries(const ParsedClock& clock) {
  // 65,536 entries below 2^53 can pass 2^64: the sum only breaks ties, so it may saturate
  std::uint64_t sum = 0;
  for (const auto& entry : clock.entries) {
    if (__builtin_add_overflow(sum, entry.count, &sum)) return UINT64_MAX;
  }
  return sum;
}

// Order-preserving: INT64_MIN becomes 0.
std::uint64_t as_key(WallTime wall) {
  return static_cast<std::uint64_t>(wall.unix_ns) ^ (std::uint64_t{1} << 63U);
}

}  // namespace

bool LogMerge::ReadyLater::operator()(const Ready& a, const Ready& b) const {
  if (a.key != b.key) return a.key > b.key;
  if (a.host != b.host) return hosts->name(a.host) > hosts->name(b.host);
  return a.own > b.own;
}

void LogMerge::add(std::unique_ptr<LogReader> log) {
  COORD_CHECK(!started_);
  logs_.emplace_back().reader = std::move(log);
}

std::uint64_t LogMerge::skipped() const {
  std::uint64_t sum = 0;
  for (const auto& log : logs_) sum += log.reader->skipped();
  return sum;
}

Result<const LogMerge::Event*> LogMerge::next() {
  if (!started_) {
    if (auto begun = start(); !begun) return begun.error();
  }
  if (handed_out_ != nullptr) {
    Log& log = logs_[handed_out_->log];
    --held_;
    const bool refill = --log.held == 0 && !log.at_end;
    const std::size_t index = handed_out_->log;
    free_.push_back(handed_out_);
    if (log.newest == handed_out_) log.newest = nullptr;
    handed_out_ = nullptr;
    if (refill) {
      if (auto read = read_one(index); !read) return read.error();
    }
  }
  if (!any_ready()) {
    if (held_ == 0) return static_cast<const Event*>(nullptr);
    if (auto resolved = resolve_stall(); !resolved) return resolved.error();
  }
  Host& its = by_host_[ready_.top().host];
  Event* event = its.held.top();
  ready_.pop();
  its.held.pop();
  its.ready = false;
  ++its.version;
  written_[event->line.host] = std::max(written_[event->line.host], event->line.own);
  wake(event->line.host);
  if (!its.held.empty()) examine(event->line.host);
  handed_out_ = event;
  return static_cast<const Event*>(event);
}

Status LogMerge::start() {
  started_ = true;
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    if (auto read = read_one(i); !read) return read;
  }
  if (!kind_ || !is_scalar(*kind_)) return done();
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    Log& log = logs_[i];
    if (auto counted = count(log); !counted) return counted;
    while (!log.at_end && !(log.counted && log.ascends)) {
      if (auto read = read_one(i); !read) return read;
    }
  }
  return done();
}

Result<std::uint64_t> LogMerge::key_of(const LogLine& line) const {
  const auto unusable = [](std::string what, std::string remedy) {
    return Error{ErrorKind::data, "", std::move(what), std::move(remedy)};
  };
  if (line.own == 0)
    return unusable("the clock has no entry of its own host", "see all mistakes: dclock validate");
  const ClockKind kind = kind_.value_or(line.clock.kind);
  if (kind != line.clock.kind) {
    return unusable(fmt::format("a {} clock among {} clocks", to_string(line.clock.kind), to_string(kind)),
                    "merge logs of one kind");
  }
  if (is_scalar(kind)) return line.own;
  if (order_ == MergeOrder::clock) return sum_of_entries(line.clock);
  if (order_ == MergeOrder::wall) {
    if (!line.wall)
      return unusable("the line has no wall time", "stamp with --wall, or merge without --by wall");
    return as_key(*line.wall);
  }
  if (!line.hybrid)
    return unusable("the line has no hybrid time", "stamp with --hlc, or merge without --by hlc");
  return line.hybrid->bits;
}

// Reads and holds the log's next usable line; at its end, whoever waited for it is looked at again.
Status LogMerge::read_one(std::size_t index) {
  Log& log = logs_[index];
  if (log.newest != nullptr) own_bytes(log.newest->line, log.newest->bytes);
  log.newest = nullptr;
  if (free_.empty()) {
    pool_.push_back(std::make_unique<Event>());
    free_.push_back(pool_.back().get());
  }
  Event* event = free_.back();
  for (;;) {
    auto read = log.reader->next(event->line);
    if (!read) return read.error();
    if (!*read) break;
    event->log = index;
    event->line_number = log.reader->line_number();
    const auto key = key_of(event->line);
    if (!key) {
      if (auto rejected = log.reader->reject(key.error().what, key.error().remedy); !rejected)
        return rejected;
      continue;
    }
    event->key = *key;
    kind_ = event->line.clock.kind;
    log.newest = event;
    event->settled = 0;
    make_room();
    event->arrival = ++arrivals_;
    free_.pop_back();
    ++log.held;
    hold(event);
    return done();
  }
  log.at_end = true;
  if (counted_) examine_all();
  return done();
}

void LogMerge::hold(Event* event) {
  const HostIndex index = event->line.host;
  Share& its_share = share(logs_[event->log], index);
  ++its_share.read;
  its_share.last_own = event->line.own;
  Host& its = by_host_[index];
  its.held.push(event);
  most_held_ = std::max(most_held_, ++held_);
  if (its.held.top() == event) {
    its.ready = false;
    ++its.version;
    examine(index);
  }
  if (counted_) wake(index);
}

// Is the host's candidate ready? If not, it waits for the first event that it lacks.
void LogMerge::examine(HostIndex index) {
  Event& event = *by_host_[index].held.top();
  const auto waits_for = blocker(event);
  Host& its = by_host_[index];
  if (waits_for) {
    its.waits_until = waits_for->count;
    if (its.waits_for == waits_for->host) return;
    its.waits_for = waits_for->host;
    by_host_[waits_for->host].waiters.push_back(index);
    return;
  }
  its.waits_for = HostTable::none;
  its.ready = true;
  ready_.push({event.key, event.line.own, index, its.version});
}

std::optional<ClockEntry> LogMerge::blocker(Event& event) const {
  if (is_scalar(*kind_)) return std::nullopt;
  // The line before is that of an event, and if it has been handed out, so has all that both name.
  if (event.line.only_own_grew && written_[event.line.host] + 1 == event.line.own) return std::nullopt;
  const auto& entries = event.line.clock.entries;
  for (; event.settled < entries.size(); ++event.settled) {
    const ClockEntry& entry = entries[event.settled];
    const std::uint64_t needed = entry.host == event.line.host ? entry.count - 1 : entry.count;
    if (written_[entry.host] < needed && !is_missing(entry.host, needed))
      return ClockEntry{entry.host, needed};
  }
  return std::nullopt;
}

// True if no unwritten event of `index` up to its number `own` is held or can still be read.
bool LogMerge::is_missing(HostIndex index, std::uint64_t own) const {
  if (!by_host_[index].held.empty() && by_host_[index].held.top()->line.own <= own) return false;
  return std::ranges::all_of(logs_, [&](const Log& log) {
    if (log.at_end) return true;
    if (!log.counted) return false;
    if (index >= log.shares.size()) return true;
    const Share& its = log.shares[index];
    return its.read >= its.total || (its.ascends && its.last_own >= own);
  });
}

void LogMerge::wake(HostIndex index) {
  Host& its = by_host_[index];
  if (its.waiters.empty()) return;
  woken_ = its.waiters;
  its.waiters.clear();
  for (const HostIndex waiter : woken_) {
    Host& other = by_host_[waiter];
    if (other.waits_for != index) continue;  // it has moved on to wait for another
    if (!counted_ && written_[index] < other.waits_until) {
      its.waiters.push_back(waiter);
      continue;
    }
    other.waits_for = HostTable::none;
    if (!other.held.empty() && !other.ready) examine(waiter);
  }
}

void LogMerge::examine_all() {
  for (auto& one : by_host_) {
    one.waiters.clear();
    one.waits_for = HostTable::none;
  }
  for (HostIndex i = 0; i < by_host_.size(); ++i) {
    if (!by_host_[i].held.empty() && !by_host_[i].ready) examine(i);
  }
}

// Drops what is void from the top of the ready ones; the top is then the next event's host.
bool LogMerge::any_ready() {
  while (!ready_.empty()) {
    const Host& its = by_host_[ready_.top().host];
    if (its.version == ready_.top().version && its.ready) return true;
    ready_.pop();
  }
  return false;
}

// Every host that a line has named so far has its place.
void LogMerge::make_room() {
  if (by_host_.size() >= hosts_.size()) return;
  by_host_.resize(hosts_.size());
  written_.resize(hosts_.size(), 0);
}

LogMerge::Share& LogMerge::share(Log& log, HostIndex index) {
  if (log.shares.size() <= index) log.shares.resize(index + 1);
  return log.shares[index];
}

}  // namespace coord::clock
