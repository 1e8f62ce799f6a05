// SPDX-License-Identifier: MIT
// Casts in causal order: none is heard before what its origin had heard when it was made (Lamport 1978;
// Birman and Joseph, "Reliable Communication in the Presence of Failures", 1987).
//
// Problem: a gossiped answer may overtake its question. Why the obvious answers fail: numbers a sender order
// each sender's casts alone; a vector clock has a place for each member, of whom there are thousands, most of
// them silent. Algorithm: each cast names the ones that its origin had heard and that no other one of these
// follows: the frontier (Ladin et al. 1992 call them direct dependencies). Whoever has it holds it back until
// all of these were heard in their order. A frontier is cleared by the next cast, so it holds about as many
// as have cast at the same time. What a message has no room for is tied together before by casts without a
// body.
//
// What is missing for Config::patience is not waited for any longer, and is named; what is known stays in its
// order all the same. It is heard late if it comes later. Over a restart of the origin the order is not kept:
// it has forgotten what it had heard, until others have told it again.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "protocol/broadcast/gossip.hpp"

namespace coord::broadcast {

class CausalOrder {
 public:
  struct Config {
    Duration patience = std::chrono::seconds(5);
    Duration memory = std::chrono::minutes(10);  // that of the gossip: what is older nobody has any more
    std::size_t most_waiting = 1024;             // beyond, the one that waits longest waits no more
  };
  // Whether it has come at all (Gossip::knows).
  using Knows = std::function<bool(const CastId&)>;

  CausalOrder(Config config, Knows knows) : config_(config), knows_(std::move(knows)) {}

  struct Next {  // is to be heard
    std::shared_ptr<const Cast> cast;
    Instant born;
    std::vector<CastId> missing{};  // that should have been heard before, and are not waited for any longer
  };
  // One that has come, for the first time. All that have come together enter before next() is asked.
  void enter(Instant now, std::shared_ptr<const Cast> cast, Instant born);
  // What may be heard now, in its order.
  std::vector<Next> next(Instant now);
  std::optional<Instant> deadline() const;

  // What a cast that is made now follows: at most most_after of them. More than these: the first of them are
  // to be tied together by a cast without a body, and this asked again.
  std::vector<CastId> frontier(Instant now);
  bool needs_tie(Instant now);
  bool waits(const CastId& id) const { return waiting_.contains(id); }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    std::shared_ptr<const Cast> cast;
    Instant born, until;
  };
  bool was_heard(const CastId& id) const;
  bool may_be_heard(const Cast& cast) const;
  void note_frontier(const Cast& cast, Instant born);
  void give_up(Instant now, const CastId& waiting);
  std::vector<Next> release();
  void forget(Instant now);

  Config config_;
  Knows knows_;
  std::map<CastId, Waiting> waiting_;
  std::vector<CastId> entered_;         // since next() was asked
  std::map<CastId, Instant> frontier_;  // and when they were cast
  std::map<CastId, Instant> covered_;   // followed by what has come, and not come themselves; since when
  std::map<CastId, Instant> given_up_;  // not waited for; since when
};

}  // namespace coord::broadcast
