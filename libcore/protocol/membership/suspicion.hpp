// SPDX-License-Identifier: MIT
// How long a suspicion lasts before it is a death: Lifeguard's (Dadgar, Phillips, Currey, "Lifeguard: Local
// Health Awareness for More Accurate Failure Detection", 2018).
//
// Problem: a slow member suspects all others, and if its suspicions end as fast as a sound one's, it kills
// them. Algorithm: who is alone with a suspicion waits long; each other one that suspects on its own account
// makes the time shorter, by the logarithm, down to what SWIM would wait.
#pragma once

#include <cstddef>
#include <set>

#include "base/time.hpp"
#include "protocol/membership/swim_messages.hpp"

namespace coord::membership {

class Suspicion {
 public:
  // After `wanted` confirmations of others it lasts `shortest`; without any, `longest`.
  Suspicion(Instant began, NodeId by, std::size_t wanted, Duration shortest, Duration longest);

  // Whether it is news: by somebody who had not said so, and still wanted.
  bool confirm(NodeId by);
  void was_paused(Duration length) { began_ += length; }
  Instant ends() const;
  std::size_t confirmations() const { return confirmations_; }

 private:
  Instant began_;
  std::set<NodeId> by_;
  std::size_t wanted_, confirmations_ = 0;
  Duration shortest_, longest_;
};

// memberlist's: factor * max(1, log10 members) periods.
Duration shortest_suspicion(std::size_t members, Duration period, std::size_t factor);
// How often news is told by each who has heard it: factor * ceil(log10(members + 1)).
std::size_t tell_limit(std::size_t members, std::size_t factor);

}  // namespace coord::membership
