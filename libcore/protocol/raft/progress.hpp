// SPDX-License-Identifier: MIT
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
#include <optional>

#include "base/time.hpp"
#include "protocol/raft/types.hpp"

namespace coord::raft {

struct Progress {
  enum class State : std::uint8_t { probe, replicate, snapshot };
  struct Request {
    LogIndex last;  // entry in it
    Instant sent;
  };

  State state = State::probe;
  LogIndex match;        // known to be durable there and equal to ours; never decreases within a term
  LogIndex next;         // the next entry to send; > match
  LogIndex commit_told;  // the largest commit index that the peer was told of
  bool recovering =
      false;      // it came back empty (--rejoin): its answers steer the flow and count for nothing else
  Instant heard;  // when the latest request that it has answered in this term went out (check-quorum)
  bool answered = false;    // such a request; until then `heard` is when the term, or the following, began
  Instant acknowledged;     // when it last acknowledged entries as durable
  std::uint64_t round = 0;  // the latest heartbeat round that it has answered and that counts
  DiskState disk = DiskState::unknown;  // as it said last
  Instant sent;                         // when entries, a probe or a piece went out last
  std::optional<Instant> unanswered;    // since when the oldest of these is without an answer
  bool probing = false;                 // probe: one request is unanswered
  std::deque<Request> in_flight;        // replicate: the unanswered requests
  std::shared_ptr<const Snapshot>
      snapshot;              // snapshot: the one being sent, even if the leader has a newer one by now
  std::uint64_t offset = 0;  // snapshot: of the piece in flight

  // Who has said that its disk stands still is sent more: it applies what it cannot acknowledge, and so its
  // users go on.
  bool may_send(std::size_t limit) const {
    if (disk == DiskState::stalled) limit *= stalled_limit;
    return state == State::probe ? !probing : state == State::replicate && in_flight.size() < limit;
  }
  static constexpr std::size_t stalled_limit = 64;

  // An AppendRequest with entries up to `last` (or none: last = next - 1) has gone out.
  void sent_upto(LogIndex last, Instant now) {
    sent = now;
    if (!unanswered) unanswered = now;
    if (state == State::probe) {
      probing = true;
    } else if (last >= next) {
      in_flight.push_back({last, now});
      next = LogIndex{last.value + 1};
    }
  }

  // All up to `index` is durable there. When the request went out that this answers;
  // nothing: it is not known.
  std::optional<Instant> accepted(LogIndex index) {
    std::optional<Instant> answers = state == State::probe ? unanswered : std::nullopt;
    if (index > match) match = index;
    for (; !in_flight.empty() && in_flight.front().last <= match; in_flight.pop_front())
      answers = in_flight.front().sent;
    unanswered = in_flight.empty() ? std::nullopt : std::optional(in_flight.front().sent);
    if (state == State::probe) replicate();
    if (next <= match) next = LogIndex{match.value + 1};
    return answers;
  }

  // It cannot say so, for its disk stands still: as if it had. If the logs do not meet it will refuse.
  void assume_they_meet() {
    state = State::replicate;
    probing = false;
  }

  void replicate() {
    state = State::replicate;
    next = LogIndex{match.value + 1};
    unanswered.reset();
    in_flight.clear();
    snapshot.reset();
  }

  void probe_from(LogIndex index) {  // index > match
    state = State::probe;
    next = index;
    probing = false;
    unanswered.reset();
    in_flight.clear();
    snapshot.reset();
  }

  void send_snapshot(std::shared_ptr<const Snapshot> what) {
    state = State::snapshot;
    snapshot = std::move(what);
    offset = 0;
    unanswered.reset();
    in_flight.clear();
  }
};

}  // namespace coord::raft
