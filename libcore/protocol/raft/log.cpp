// SPDX-License-Identifier: MIT
#include "protocol/raft/log.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/rule.hpp"

namespace coord::raft {

namespace {
constexpr std::size_t entry_overhead = 32;  // so that empty entries have a cost too
LogIndex next_of(LogIndex index) {
  return LogIndex{index.value + 1};
}
}  // namespace

std::optional<Level> level_needed(const Entry& entry) {
  if (entry.kind == EntryKind::members) {
    const bool sound = entry.level >= 2 && decode_voters(entry.data).has_value();
    return sound ? std::optional(entry.level) : std::nullopt;
  }
  if (entry.kind != EntryKind::raise) return entry.level;
  if (entry.data.size() < 4) return std::nullopt;
  Level raised = 0;
  for (std::size_t i = 4; i-- > 0;) raised = raised << 8U | entry.data[i];
  return std::max(raised, entry.level);
}

Log::Log(LogIndex base, Term base_term, std::vector<Entry> entries) : base_(base), base_term_(base_term) {
  unsaved_ = next_of(base);
  for (Entry& entry : entries) append(std::move(entry));
  durable_ = last();
  unsaved_ = next_of(last());
}

std::optional<Term> Log::term_at(LogIndex index) const {
  if (index == base_) return base_term_;
  const Entry* entry = at(index);
  return entry == nullptr ? std::nullopt : std::optional<Term>(entry->term);
}

const Entry* Log::at(LogIndex index) const {
  if (index <= base_ || index > last()) return nullptr;
  return &entries_[index.value - base_.value - 1].entry;
}

bool Log::is_covered_by(LogIndex other_last, Term other_last_term) const {
  return other_last_term > last_term() || (other_last_term == last_term() && other_last >= last());
}

LogIndex Log::last_at_most(LogIndex from, Term term) const {
  LogIndex index = std::min(from, last());
  while (index > base_ && at(index)->term > term) --index.value;
  return std::max(index, base_);
}

std::vector<Entry> Log::slice(LogIndex after, LogIndex upto, std::size_t bytes) const {
  std::vector<Entry> out;
  const LogIndex end = std::min(upto, last());
  for (LogIndex i = next_of(std::max(after, base_)); i <= end; ++i.value) {
    const Entry& entry = *at(i);
    const std::size_t cost = entry.data.size() + entry_overhead;
    if (!out.empty() && cost > bytes) break;
    bytes -= std::min(bytes, cost);
    out.push_back(entry);
  }
  return out;
}

std::size_t Log::bytes_after(LogIndex index) const {
  if (entries_.empty() || index >= last()) return 0;
  const std::uint64_t start = index <= base_ ? base_end_ : entries_[index.value - base_.value - 1].end;
  return entries_.back().end - start;
}

void Log::append(Entry entry) {
  COORD_CHECK(entry.index == next_of(last()));
  const std::uint64_t start = entries_.empty() ? base_end_ : entries_.back().end;
  const std::uint64_t end = start + entry.data.size() + entry_overhead;
  entries_.push_back({std::move(entry), end});
}

void Log::truncate(LogIndex first) {
  const LogIndex kept{std::max(first.value, base_.value + 1) - 1};
  while (last() > kept) entries_.pop_back();
  unsaved_ = std::min(unsaved_, next_of(kept));
  if (COORD_RULE_OR(overwritten_writes_do_not_count, true, false)) {
    durable_ = std::min(durable_, kept);
    for (Write& write : writes_) write.last = std::min(write.last, kept);
  }
}

void Log::compact(LogIndex upto) {
  const LogIndex end = std::min(upto, last());
  while (base_ < end) {
    base_ = entries_.front().entry.index;
    base_term_ = entries_.front().entry.term;
    base_end_ = entries_.front().end;
    entries_.pop_front();
  }
}

void Log::restart(LogIndex base, Term base_term) {
  base_end_ = entries_.empty() ? base_end_ : entries_.back().end;
  entries_.clear();
  durable_ = std::min(durable_, base_);
  base_ = base;
  base_term_ = base_term;
  unsaved_ = next_of(base);
  writes_.clear();  // what they held is gone; the snapshot's own write comes next
}

std::vector<Entry> Log::unsaved() const {
  return slice(LogIndex{unsaved_.value - 1}, last(), SIZE_MAX);
}

void Log::handed_over(std::uint64_t write) {
  writes_.push_back({write, last()});
  unsaved_ = next_of(last());
}

void Log::persisted(std::uint64_t write) {
  while (!writes_.empty() && writes_.front().id <= write) {
    durable_ = std::max(durable_, writes_.front().last);
    writes_.pop_front();
  }
}

void Log::snapshot_stored(LogIndex index) {
  durable_ = std::max(durable_, std::min(index, last()));
}

std::uint64_t Log::write_covering(LogIndex index, std::uint64_t next) const {
  if (index <= durable_) return 0;
  for (const Write& write : writes_) {
    if (write.last >= index) return write.id;
  }
  return next;
}

}  // namespace coord::raft
