// SPDX-License-Identifier: MIT
// What the log says at its end, without the entries themselves, and which segment holds which of
// them: kept alike while the log is read at start and while it is written, and all that is needed
// to tell which segments may go.
#pragma once

#include <cstdint>
#include <deque>

#include "store/body.hpp"

namespace coord::store {

class Outline {
 public:
  // The log continues from `state` with a segment that begins with it: no entry before is known.
  void begin(const LogState& state);

  // Each returns false, and changes nothing, if it does not fit what the log says so far.
  bool install(const SnapshotRef& ref);  // a leader's snapshot replaces the log
  bool append(LogIndex first, std::uint64_t count,
              std::uint64_t segment);    // what stood at `first` and after it is gone
  bool compact(const SnapshotRef& ref);  // the peer's own snapshot; the entries stay
  void vote(const raft::HardState& hard_state) { state_.hard_state = hard_state; }
  void reserve(Token upto);

  const LogState& state() const { return state_; }
  // The segments hold all entries from here to state().next; the snapshot must reach up to it.
  LogIndex first() const { return first_; }
  bool has_gap() const { return first_.value > state_.snapshot.index.value + 1; }
  // The first segment that holds an entry beyond the snapshot; `current` if none does.
  std::uint64_t oldest_needed(std::uint64_t current) const;

 private:
  struct Run {  // entries [first, the next run's first or state_.next) are in this segment
    LogIndex first;
    std::uint64_t segment = 0;
  };

  LogState state_;
  LogIndex first_{1};
  std::deque<Run> runs_;  // by first, ascending; so by segment as well
};

}  // namespace coord::store
