// SPDX-License-Identifier: MIT
// How far the hosts' wall clocks are apart, from nothing but the log.
//
// Problem: clocks differ, and the log does not say by how much. But a message is not received before it is
// sent: if a message left `a` at 10.000 by a's clock and reached `b` at 9.998 by b's, then b is at least 2 ms
// behind a. Each message bounds the offset in one direction by its own delay; the least delay in each
// direction bounds it from both sides, and bounds add up along chains of hosts (difference constraints: the
// tightest are shortest paths, here Floyd and Warshall's). Offsets are taken as constant over the log; where
// no constant offset fits, a clock was stepped or drifted, and that is what is reported. A host's own events
// are in order whatever its clock says: one whose time is before that of the event before betrays a step. The
// lines themselves are never changed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "clock/event_log.hpp"

namespace coord::clock {

struct SkewBound {
  HostIndex from, to;             // the offset is to's clock minus from's
  std::optional<Duration> lower;  // no message chain from `to` to `from`: unbounded below
  std::optional<Duration> upper;
  std::uint64_t messages = 0;  // that went directly between the two, either way
};

// An event whose wall time is before that of the one before it on its host.
struct StepBack {
  EventIndex event, before;
  Duration by;
};

struct Skew {
  std::vector<SkewBound> bounds;   // every pair once, in the order of the host table
  std::vector<Message> backwards;  // messages received earlier than sent, by the wall clocks of the two
  std::vector<StepBack> steps;
  bool constant = true;  // false: no constant offsets explain the log; the bounds contradict each other
};

// The log must be indexed. An Error (data) if no line has a wall time.
Result<Skew> measure_skew(const EventLog& log);

}  // namespace coord::clock
