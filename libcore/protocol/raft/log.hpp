// SPDX-License-Identifier: MIT
// The replicated log as one peer holds it in memory, and how much of it is durable.
//
// The entries that are held follow `base`: what is at or before it is committed and covered by a
// snapshot. Entries are handed to the disk (Persist) and become durable later, in order. Between the two,
// a new leader may make this peer overwrite some of them: then the older write, when it completes, must
// not be taken for the newer one. So each write in flight remembers how far it still counts, and
// overwriting shortens those before it.
//
// All functions are total: an index outside of what is held gives nothing, never undefined behaviour.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "protocol/raft/types.hpp"

namespace coord::raft {

class Log {
 public:
  // What was recovered from the disk, so all of it durable. `entries` follow `base` without a gap.
  Log(LogIndex base, Term base_term, std::vector<Entry> entries);

  LogIndex base() const { return base_; }
  LogIndex last() const { return LogIndex{base_.value + entries_.size()}; }
  Term last_term() const { return entries_.empty() ? base_term_ : entries_.back().entry.term; }
  std::optional<Term> term_at(LogIndex index) const;  // nothing outside [base, last]
  const Entry* at(LogIndex index) const;              // null outside (base, last]

  // "Up-to-date" of Raft section 5.4.1: does a log that ends so hold at least what this one holds?
  bool is_covered_by(LogIndex other_last, Term other_last_term) const;

  // The largest index at or before `from` whose term is at most `term`, for backing up by terms
  // (section 5.3); base() at the least.
  LogIndex last_at_most(LogIndex from, Term term) const;

  // Entries (after, upto], stopping before `bytes` of data are exceeded, but never before the first.
  std::vector<Entry> slice(LogIndex after, LogIndex upto, std::size_t bytes) const;
  std::size_t bytes_after(LogIndex index) const;  // of entries' data, and a fixed overhead for each

  void append(Entry entry);       // entry.index == last() + 1
  void truncate(LogIndex first);  // forget `first` and all after it; followed by an append in the same step
  void compact(LogIndex upto);    // drop what a durable snapshot covers; not beyond last()
  void restart(LogIndex base, Term base_term);  // a snapshot that is not durable yet replaces everything

  // ---- durability
  LogIndex durable() const { return durable_; }
  bool has_unsaved() const { return unsaved_ <= last(); }
  std::vector<Entry> unsaved() const;     // what no Persist has been given yet
  void handed_over(std::uint64_t write);  // all of it has been given to this Persist
  void persisted(std::uint64_t write);    // this Persist, and all before it, are durable
  void snapshot_stored(LogIndex index);   // a durable snapshot covers all up to `index`
  // The Persist after which `index` and all before it are durable: 0 if they are,
  // `next` if none has them yet.
  std::uint64_t write_covering(LogIndex index, std::uint64_t next) const;

 private:
  struct Slot {
    Entry entry;
    std::uint64_t end = 0;  // bytes of all entries ever held up to and including this one
  };
  struct Write {
    std::uint64_t id = 0;
    LogIndex last;  // what of this write still counts; smaller than at first when a part was overwritten
  };

  LogIndex base_;
  Term base_term_;
  std::uint64_t base_end_ = 0;
  std::deque<Slot> entries_;
  LogIndex durable_;
  LogIndex unsaved_;          // the first entry that no Persist has been given
  std::deque<Write> writes_;  // in flight; `last` never decreases from front to back
};

}  // namespace coord::raft
