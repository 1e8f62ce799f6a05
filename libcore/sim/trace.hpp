// SPDX-License-Identifier: MIT
// What happened in a run, as a reader of protocols wants to see it:
//
//   [  110] 2 > 1 vote request term 3      node 1 receives this from node 2
//   [  112] 1 x 2 vote reply term 3        it was lost on the way
//   [  113] 1 - leader of term 3           node 1 says so of itself
//   [  150] * partition {1} {2 3}          the world did this
//
// A ring: the last `limit` records are kept. Nothing is recorded, and no text is made, unless a world is
// given one: a sweep runs without and replays the seed that failed.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace coord::sim {

struct TraceRecord {
  enum class Kind : std::uint8_t { received, lost, note, world } kind = Kind::note;
  Instant time;
  Instant sent;  // of a message: when; for drawings of space and time
  NodeId node;   // who received, would have received, or speaks; 0: the world
  NodeId from;   // of a message
  std::string text;
};

class Trace {
 public:
  // `unit`: of the times printed, which are cut to whole units.
  explicit Trace(std::size_t limit = 100'000, Duration unit = std::chrono::milliseconds(1))
      : limit_(limit), unit_(unit) {}

  void add(TraceRecord record);
  const std::deque<TraceRecord>& records() const { return records_; }
  std::uint64_t forgotten() const { return forgotten_; }  // records that the ring no longer holds
  std::string line(const TraceRecord& record) const;      // without a newline
  std::string text() const;                               // all lines

 private:
  std::size_t limit_;
  Duration unit_;
  std::deque<TraceRecord> records_;
  std::uint64_t forgotten_ = 0;
};

}  // namespace coord::sim
