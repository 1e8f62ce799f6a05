// Raft (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014; thesis 2014).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "protocol/raft/events.hpp"
#include "protocol/raft/types.hpp"

namespace coord::raft {

struct Config {
  NodeId self;
  std::vector<NodeId> peers;  // all named peers, self included, sorted, unique; 1 to 15
  Incarnation incarnation{};  // of this state directory
  bool rejoin = false;        // the operator says: I am back with nothing
  Duration heartbeat = std::chrono::milliseconds(50);
  Duration election_low = std::chrono::milliseconds(150);  // the election time-out is drawn from [low, high]
  Duration election_high = std::chrono::milliseconds(300);
  std::size_t append_bytes = 256 * 1024;    // at most so many bytes of entries a message
  std::size_t in_flight = 64;               // at most so many unanswered AppendRequests a follower
  std::size_t snapshot_piece = 256 * 1024;  // bytes of a snapshot a message
  std::size_t snapshot_limit = 64 * 1024 * 1024;  // a larger one is refused: a bound on what a leader makes us hold
  std::size_t uncommitted_limit = 16 * 1024 * 1024;  // proposals are dropped beyond so many bytes not yet committed
};

// What the store found at start.
struct Recovered {
  HardState hard_state;
  std::optional<Snapshot> snapshot;
  std::vector<Entry> entries;  // contiguous, the first follows the snapshot
};

}  // namespace coord::raft
