// SPDX-License-Identifier: MIT
// Deadlocks among processes that wait for all of those whom they asked (Chandy, Misra and Haas, "Distributed
// Deadlock Detection", ACM Transactions on Computer Systems 1(2), 1983: the AND model, by edge chasing).
//
// Problem: a cycle of processes that wait for each other waits for ever, and nobody sees more of it than its
// own edges. Why the obvious answers fail: a time-out kills who is only slow; a graph collected in one place
// is a mix of old and new edges and shows cycles that never were (central_graph.hpp). Algorithm: a process
// that has waited for a while sends a probe along its edges. A process that is asked by the probe's sender
// and waits itself passes the probe on along its own edges, once for each round of the initiator. If the
// probe comes back the initiator is on a cycle. Channels are FIFO: the probe comes after the request that is
// its edge; and a process that waits cannot have answered meanwhile, so every edge that the probe went over
// is still there.
//
// Of a cycle one process should give up, always the same: the one whose wait is the youngest. The probe
// carries the age of the youngest wait on its way; only who is the youngest on the cycle that its own probe
// went round gives up. Everybody who waits sends a new round from time to time, so the youngest one's turn
// comes. Two cycles with a process in common may each lose one when one would have been enough: what has
// given up in between does not show in a probe that has passed it.
//
// A process that crashed answers nobody and passes no probe on: whoever waits for it waits, and
// that is no deadlock; a failure detector has to tell. A probe that is lost, or cut off, is
// made up for by a later round.
//
// Costs at most one probe for each edge, round and initiator: N in a cycle of N.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "protocol/deadlock/waiting.hpp"

namespace coord::deadlock {

struct Probe {
  NodeId initiator;
  std::uint64_t round = 0;  // the initiator's
  Age youngest;             // of the waits on the way
  template <class Archive>
  void serialize(Archive& archive) {
    archive(initiator, round, youngest);
  }
};

class Probes : public Waiting<Probe> {
 public:
  // `patience`: how long a process waits before its first probe (Rounds).
  Probes(NodeId self, Duration patience) : Waiting(self, Needs::all), rounds_(patience) {}

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);
  // ---- output
  std::optional<Instant> deadline() const { return waits() ? std::optional(rounds_.due()) : std::nullopt; }

 private:
  void on(Instant now, const Ask& ask, Actions& actions);
  void on(Instant, const Serve& serve_now, Actions& actions) { serve(serve_now.to, actions); }
  void on(Instant now, const Tick&, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void chase(NodeId from, const Probe& probe, Actions& actions);
  void pass_on(const Probe& probe, Actions& actions) const;

  Rounds rounds_;
  std::map<NodeId, std::uint64_t> dependent_;  // whose probe has passed here, the last round
};

}  // namespace coord::deadlock
