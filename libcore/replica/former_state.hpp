// SPDX-License-Identifier: MIT
// What one log says that its group held; and what a group begins with that is founded from that.
//
// The former group may have gone on after this log, and given tokens that nobody knows any more. A token is
// at most the time of its grant (Unix seconds x 2^20, StateMachine) and what may be reserved ahead of that,
// unless a higher one was inherited, which the state says: so what is founded now begins above all these.
//
// Pure.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "protocol/raft/raft.hpp"

namespace coord::replica {

// With all entries applied: some at the end may not have been committed, but none is missing of which this
// peer was a part.
Result<raft::Snapshot> state_of_log(const raft::Recovered& log);

struct FoundedAnew {
  raft::Snapshot state;
  Token above;  // all tokens that are to come are
};

// An error: the clock is behind the state's own tokens.
Result<FoundedAnew> found_anew(const raft::Snapshot& former, WallTime now);

}  // namespace coord::replica
