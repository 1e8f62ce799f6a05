// SPDX-License-Identifier: MIT
// What must be durable is durable before any message that depends on it (Raft figure 2: "updated on stable
// storage before responding to RPCs"). Persists get increasing ids and complete in order; the outbox keeps
// each message until the Persist that it depends on has completed.
#pragma once

#include <cstdint>
#include <deque>

#include "protocol/raft/events.hpp"

namespace coord::raft {

class Outbox {
 public:
  std::uint64_t next_write() const { return durable_ + in_flight_ + 1; }
  std::uint64_t durable_write() const { return durable_; }
  bool is_durable(std::uint64_t write) const { return write <= durable_; }
  bool was_given(std::uint64_t write) const { return write < next_write(); }

  std::uint64_t begin_write() { return durable_ + ++in_flight_; }
  void completed(std::uint64_t write) {  // was_given(write)
    if (write <= durable_) return;
    in_flight_ -= write - durable_;
    durable_ = write;
  }

  // Send when `after` (0: nothing) is durable. A message may always be lost, so when the disk stalls for long
  // the oldest are dropped: an acknowledgement or a heartbeat's reply is repeated when the leader asks again.
  void send(NodeId to, Message message, std::uint64_t after);
  void release(Actions& out);

 private:
  // two full windows of every other peer in the largest group
  static constexpr std::size_t held_limit = 4096;
  struct Held {
    std::uint64_t after = 0;
    Send send;
  };
  std::uint64_t durable_ = 0;
  std::uint64_t in_flight_ = 0;
  std::deque<Held> held_;
};

}  // namespace coord::raft
