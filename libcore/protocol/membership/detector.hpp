// SPDX-License-Identifier: MIT
// Who is alive, as far as one can tell: heartbeats, and a suspicion of whoever is silent for too long
// (Chandra and Toueg, "Unreliable Failure Detectors for Reliable Distributed Systems", JACM 43(2), 1996;
// Chen, Toueg, Aguilera 2002 for how to measure one).
//
// Problem: a crashed node and a slow one look alike. Why the obvious answer, wait long enough, fails: there
// is no such time unless messages and pauses have a bound. Algorithm: each node sends a heartbeat to all
// others in each interval. One from which nothing came for a fixed time, or until phi exceeds a threshold
// (phi.hpp), is suspected; heard of again, it is trusted again. What can be promised: every crashed node is
// suspected by all in the end (strong completeness). Live ones are wrongly suspected, but once the network
// has calmed down never again (eventual strong accuracy): the class <>P, under partial synchrony only.
// verdict.hpp names the class that a run met.
//
// After a pause of its own (SIGSTOP, a suspended machine) a node has heard nothing because it did not listen:
// it suspects nobody for a while. N(N-1) messages an interval: for large groups see SWIM.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "protocol/group.hpp"
#include "protocol/membership/phi.hpp"
#include "protocol/shape.hpp"

namespace coord::membership {

class Detector : public Shape<Detector> {
 public:
  enum class Rule : std::uint8_t { time_out, phi_normal, phi_exponential };
  struct Config {
    Group group;
    Rule rule = Rule::phi_normal;
    Duration interval = std::chrono::milliseconds(100);        // between heartbeats
    Duration time_out = std::chrono::milliseconds(500);        // rule time_out
    double threshold = 8;                                      // the other rules: phi
    Duration least_deviation = std::chrono::milliseconds(50);  // phi_normal: for links that sometimes stutter
    Duration own_pause = std::chrono::milliseconds(1000);      // a tick so late was a pause of this node
    Duration excuse = std::chrono::milliseconds(500);          // after which it suspects nobody for so long
  };
  struct Heartbeat {
    template <class Archive>
    void serialize(Archive&) {}
  };
  using Message = std::variant<Heartbeat>;

  using Event = std::variant<Receive, Tick>;

  struct Suspects {
    NodeId node;
  };
  struct Trusts {
    NodeId node;
  };
  using Action = std::variant<Send, Suspects, Trusts>;
  using Actions = std::vector<Action>;

  Detector(Instant now, Config config);

  [[nodiscard]] Actions step(Instant now, const Event& event);
  std::optional<Instant> deadline() const;
  bool suspects(NodeId node) const { return peers_.at(node).suspected; }
  std::set<NodeId> suspected() const;
  double phi(Instant now, NodeId node) const { return peers_.at(node).arrivals.phi(now); }

 private:
  struct Peer {
    Arrivals arrivals;
    Instant suspect_at;
    bool suspected = false;
  };
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  Duration patience(const Peer& peer) const;

  Config config_;
  std::map<NodeId, Peer> peers_;
  Instant beat_at_;
};

}  // namespace coord::membership
