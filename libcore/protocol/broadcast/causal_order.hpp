// SPDX-License-Identifier: MIT
// Casts in causal order: none is heard before what its origin had heard when it was made (Lamport 1978;
// Birman and Joseph, "Reliable Communication in the Presence of Failures", 1987).
//
// Problem: a gossiped answer may overtake its question. Why the obvious answers fail: numbers a sender order
// each sender's casts alone; a vector clock has a place for each member, of whom there are thousands, most of
// them silent. Algorithm: each cast names the ones that its origin had heard and that no other one of these
// follows: the frontier (Ladin et al. 1992 call them direct dependencies). Whoever has it holds it back until
// all of these were heard in their order. A frontier is cleared by the next cast, so it holds about as many
// as have cast at the same time. What a message has no room for is tied together before by
// casts without a body.
//
// What is missing for Config::patience is not waited for any longer, and is named; what is known stays in its
// order all the same. It is heard late if it comes later. What never came and nobody has any more is named at
// once. A gap is that of all that follows, also over others: whoever hears some of the casts only, those to
// one name, is told of it before the first of these. Over a restart of the origin the order is not kept: it
// has forgotten what it had heard, until others have told it again.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
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

inline constexpr std::size_t most_missing = 64;  // that are named before a cast

// Should have been heard before a cast, and has not come.
struct MissingCast {
  CastId id{};
  Instant before{};  // it was made before this: a cast that follows it was
  bool operator==(const MissingCast&) const = default;
};

// The places of these casts in an order in which each is behind all of them that it follows: one pass.
std::vector<std::size_t> places_in_causal_order(
    const std::vector<std::pair<std::shared_ptr<const Cast>, Instant>>& casts);

class CausalOrder {
 public:
  struct Config {
    Duration patience = std::chrono::seconds(5);
    Duration memory = std::chrono::minutes(10);  // that of the gossip: what is older nobody has any more
    std::size_t most_waiting = 1024;             // beyond, the one that waits longest waits no more
    std::size_t most_behind_gaps = 4096;         // casts of which it is known what is missing before them
  };
  // Whether it has come at all (Gossip::standing).
  using StandingOf = std::function<Standing(const CastId&)>;

  CausalOrder(Config config, StandingOf standing) : config_(config), standing_(std::move(standing)) {}

  struct Next {  // is to be heard
    std::shared_ptr<const Cast> cast;
    Instant born;
    // What should have been heard before, directly or over others, and is not waited for any longer.
    std::vector<MissingCast> missing{};
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
  // What is still missing before one that was heard.
  std::vector<MissingCast> missing_before(const Cast& cast, Instant born) const;
  // How many were found missing since this was asked last.
  std::size_t take_gaps() { return std::exchange(gaps_, 0); }
  bool waits(const CastId& id) const { return waiting_.contains(id); }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    std::shared_ptr<const Cast> cast;
    Instant born, until;
  };
  bool is_waited_for(const CastId& id) const;
  bool may_be_heard(const Cast& cast) const;
  void note_frontier(const Cast& cast, Instant born);
  void give_up(Instant now, const CastId& waiting);
  std::vector<Next> release(Instant now);
  void note_gap(Instant now, const Next& next);
  void forget(Instant now);

  Config config_;
  StandingOf standing_;
  std::map<CastId, Waiting> waiting_;
  std::vector<CastId> entered_;         // since next() was asked
  std::map<CastId, Instant> frontier_;  // and when they were cast
  std::map<CastId, Instant> covered_;   // followed by what has come, and not come themselves; since when
  std::map<CastId, Instant> given_up_;  // not waited for; since when
  // What was missing before those that were heard, where something was; since when, the oldest first.
  std::map<CastId, std::vector<MissingCast>> behind_gaps_;
  std::deque<std::pair<Instant, CastId>> gaps_noted_;
  std::size_t gaps_ = 0;
};

}  // namespace coord::broadcast
