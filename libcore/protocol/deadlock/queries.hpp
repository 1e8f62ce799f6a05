// SPDX-License-Identifier: MIT
// Deadlocks among processes that go on when any one of those whom they asked answers (Chandy, Misra and Haas,
// "Distributed Deadlock Detection", ACM Transactions on Computer Systems 1(2), 1983: the OR or communication
// model, by a diffusing computation in the manner of Dijkstra and Scholten 1980).
//
// Problem: who waits for any of several is stuck only if everybody whom it could be answered by, over any
// number of steps, waits as well. Why the obvious answer fails: a cycle is no deadlock here, one of its
// processes may wait for somebody outside it. Algorithm: a process that has waited for a while sends a query
// to all it waits for. A process that does not wait does not answer queries: so the query stays open, and
// there is no deadlock. One that waits passes the first query of a round on to all it waits for itself, and
// answers it when all of these are answered; any further query of that round it answers at once, if it has
// waited all the time since the first. When all the initiator's queries are answered, everybody it depends on
// waits: it is deadlocked, and so are they.
//
// A process that crashed answers no query either, so whoever depends on it is never called deadlocked; a lost
// query or answer is made up for by a later round.
//
// One of them should give up, always the same: answers carry the age of the youngest wait below, and only an
// initiator that is the youngest itself gives up. Whoever the youngest depends on is a part of that, so it
// finds itself. Costs at most a query and an answer for each edge, round and initiator: 2N in a cycle of N.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "protocol/deadlock/waiting.hpp"

namespace coord::deadlock {

struct Query {
  NodeId initiator;
  std::uint64_t round = 0;
  std::uint64_t time = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(initiator, round, time);
  }
};
struct Answer {
  NodeId initiator;
  std::uint64_t round = 0;
  Age youngest;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(initiator, round, youngest);
  }
};

class Queries : public Waiting<Query, Answer> {
 public:
  // `patience`: how long a process waits before its first query (Rounds).
  Queries(NodeId self, Duration patience) : Waiting(self, Needs::any), rounds_(patience) {}

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);
  // ---- output
  std::optional<Instant> deadline() const { return waits() ? std::optional(rounds_.due()) : std::nullopt; }

 private:
  struct Engagement {  // in one initiator's latest round
    std::uint64_t round = 0;
    std::uint64_t wait = 0;  // it counts only while that one goes on
    NodeId engager;          // whose query was the first; ourselves if we are the initiator
    std::size_t open = 0;    // queries of ours that are not answered
    Age youngest;
  };

  void on(Instant now, const Ask& ask, Actions& actions);
  void on(Instant, const Serve& serve_now, Actions& actions) { serve(serve_now.to, actions); }
  void on(Instant now, const Tick&, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void queried(NodeId from, const Query& query, Actions& actions);
  void answered(const Answer& answer, Actions& actions);
  void engage(NodeId engager, NodeId initiator, std::uint64_t round, Actions& actions);

  Rounds rounds_;
  std::map<NodeId, Engagement> engaged_;  // by initiator
};

}  // namespace coord::deadlock
