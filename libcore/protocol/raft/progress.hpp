// What a leader knows of one other peer, and how it sends to it.
//
// probe:     the leader does not know where the logs meet; one AppendRequest at a time until one is accepted.
// replicate: they meet at `match`; requests are pipelined, a bounded number of them unanswered.
// snapshot:  what the peer needs next is no longer in the log; pieces of a snapshot go out one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "base/time.hpp"
#include "protocol/raft/types.hpp"

namespace coord::raft {

struct Progress {
  enum class State : std::uint8_t { probe, replicate, snapshot };

  State state = State::probe;
  LogIndex match;        // known to be durable there and equal to ours; never decreases within a term
  LogIndex next;         // the next entry to send; > match
  LogIndex commit_told;  // the largest commit index that the peer was told of
  bool mute = false;  // it came back empty (--rejoin): its answers steer the flow and count for nothing else
  Instant heard;      // when an answer of this term that counts came last (check-quorum)
  std::uint64_t round = 0;         // the latest heartbeat round that it has answered and that counts
  Instant sent;                    // when entries, a probe or a piece went out last
  bool probing = false;            // probe: one request is unanswered
  std::deque<LogIndex> in_flight;  // replicate: the last index of each unanswered request
  std::shared_ptr<const Snapshot>
      snapshot;              // snapshot: the one being sent, even if the leader has a newer one by now
  std::uint64_t offset = 0;  // snapshot: of the piece in flight

  bool may_send(std::size_t limit) const {
    return state == State::probe ? !probing : state == State::replicate && in_flight.size() < limit;
  }

  // An AppendRequest with entries up to `last` (or none: last = next - 1) has gone out.
  void sent_upto(LogIndex last, Instant now) {
    sent = now;
    if (state == State::probe) {
      probing = true;
    } else if (last >= next) {
      in_flight.push_back(last);
      next = LogIndex{last.value + 1};
    }
  }

  void accepted(LogIndex index) {
    if (index > match) match = index;
    while (!in_flight.empty() && in_flight.front() <= match) in_flight.pop_front();
    if (state == State::probe) replicate();
    if (next <= match) next = LogIndex{match.value + 1};
  }

  void replicate() {
    state = State::replicate;
    next = LogIndex{match.value + 1};
    in_flight.clear();
    snapshot.reset();
  }

  void probe_from(LogIndex index) {  // index > match
    state = State::probe;
    next = index;
    probing = false;
    in_flight.clear();
    snapshot.reset();
  }

  void send_snapshot(std::shared_ptr<const Snapshot> what) {
    state = State::snapshot;
    snapshot = std::move(what);
    offset = 0;
    in_flight.clear();
  }
};

}  // namespace coord::raft
