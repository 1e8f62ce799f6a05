// SPDX-License-Identifier: MIT
// A lock over several independent stores, none of which knows of the others (Sanfilippo, "Distributed locks
// with Redis", 2014: Redlock; its critique: Kleppmann, "How to do distributed locking", 2016).
//
// Problem: one store that keeps keys for a time is a lock (set if absent, for so long), but it is one: when
// it dies, or a copy takes its place that has not heard of the last key, there is none, or there are two.
// Algorithm: N stores, each by itself. A client asks all of them at once to keep its key for a TTL; who has a
// majority, and so quickly that there is time left, has the lock; else it drops what it got and tries again a
// random time later. It counts from when it *sent*, and stops by its own clock at 0.8 of the TTL.
//
// What it does not promise: that two never go on. The stores let go by their own clocks, which may be set,
// and a holder that is stopped between its last look at its clock and its deed does that deed when another
// one has the lock. The first is a matter of operators; against the second there is only a number that grows
// with every grant, which whoever is acted upon compares. There is none here: the stores have no order in
// common. (Scenarios: `dsim play redlock-pause`, `dsim play redlock-clock-step`.)
//
// A node that is one of `servers` keeps keys for all; every node may want the lock. What a store does here is
// what a script does in Redis: compare, and set, keep or drop.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "protocol/election/lease_race.hpp"
#include "protocol/mutex/types.hpp"
#include "protocol/shape.hpp"

namespace coord::mutex {

namespace redlock {

// Of who wants it, in its attempt of this number; `sent_ns` is by its own clock and comes back.
struct Set {
  std::uint64_t attempt = 0;
  std::int64_t sent_ns = 0;
  bool longer = false;  // it has it: for another TTL
  template <class Archive>
  void serialize(Archive& archive) {
    archive(attempt, sent_ns, longer);
  }
};
struct Drop {
  std::uint64_t attempt = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(attempt);
  }
};
// Of a store.
struct Answer {
  std::uint64_t attempt = 0;
  std::int64_t sent_ns = 0;
  bool kept = false;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(attempt, sent_ns, kept);
  }
};
using Message = std::variant<Set, Drop, Answer>;

}  // namespace redlock

class Redlock : public Shape<Redlock> {
 public:
  using Message = redlock::Message;
  struct Config {
    NodeId self;
    std::vector<NodeId> servers;
    Duration ttl{};
    Duration retry{};                   // the longest pause between two attempts, which grows to that
    std::uint64_t seed = 0;             // of those pauses
    std::uint64_t attempts_before = 0;  // of this node's earlier lives
  };
  using Event = std::variant<Acquire, Release, Receive, Tick>;
  using Action = std::variant<Send, Granted, Refused, election::Lost>;
  using Actions = std::vector<Action>;

  explicit Redlock(Config config);

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- output
  std::optional<Instant> deadline() const;
  Phase phase() const { return phase_; }
  std::set<NodeId> missing() const;  // who has not answered, or said no
  Token floor() const { return {}; }
  std::uint64_t attempt() const { return attempt_; }
  // Of the last round: so many said that others have it.
  std::size_t noes() const { return no_.size(); }
  std::size_t majority() const { return config_.servers.size() / 2 + 1; }
  // Inside: since when it counts. It is over 0.8 TTL after that, unless it is renewed.
  Instant counts_from() const { return counted_; }

 private:
  struct Entry {  // a store's
    NodeId client;
    std::uint64_t attempt = 0;
    Instant expires;
  };

  void on(Instant now, const Acquire&, Actions& actions);
  void on(Instant now, const Release&, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  void receive(Instant now, NodeId from, const redlock::Set& set, Actions& actions);
  void receive(Instant now, NodeId from, const redlock::Drop& drop, Actions& actions);
  void receive(Instant now, NodeId from, const redlock::Answer& answer, Actions& actions);
  void ask(Instant now, bool longer, Actions& actions);
  void drop(Instant now, Actions& actions);
  void try_later(Instant now, Actions& actions);
  void tell_all(Instant now, const Message& message, Actions& actions);
  Instant stop_at() const;

  Config config_;
  Random random_;
  Phase phase_ = Phase::idle;
  std::uint64_t attempt_ = 0;
  unsigned tries_ = 0;
  Instant asked_;  // in this round
  std::set<NodeId> yes_, no_;
  Instant counted_, renew_at_;
  std::optional<Instant>
      again_at_;                // waiting: the next attempt; none: this one is answered, or given up then
  std::optional<Entry> entry_;  // a store's
};

}  // namespace coord::mutex
