// SPDX-License-Identifier: MIT
// Leadership by lease from a store that all can reach: the race of ephemeral nodes (Hunt, Konar, Junqueira
// and Reed, "ZooKeeper: Wait-free Coordination for Internet-scale Systems", USENIX ATC 2010, section 2.4;
// leases: Gray and Cheriton, SOSP 1989).
//
// Problem: one of many candidates shall lead; if it dies another shall, and never two at once. Why the
// obvious answers fail: an entry in a store that the leader deletes when it is done stays for ever when it
// dies; an entry that the store drops after a time leaves a leader that was only slow believing in it. And if
// all candidates watch the leader's entry, all of them come when it goes, for one to win: the herd.
// Algorithm: a candidate's entry lives for a TTL after the store last heard of it. The candidate counts from
// when it *sent* what the store answered, and stops by its own clock at 0.8 of the TTL: the store's answer
// was given later than that, so the entry still stands, if clocks run at rates within a tenth of each other.
// Entries stand in the order in which they came, and only the first may lead; the next is told when it is
// first (without the herd). With the herd all are told, and whoever looks first leads.
//
// The store here is one node; it stands for a replicated one. Leadership has a token that counts: what a
// paused leader sends late is refused by whoever has seen a later token; nothing else can help there. A
// hand-over costs one notice and one look; with the herd as many as there are candidates.
//
// A host stands again and again, in this life and in later ones, and what was said to one of its candidates
// is void for the next: each has a number of its own. An entry that led is over when its candidate says so,
// or when it runs out: neither a later candidate of its host nor one who was too late ends it, for what it
// led may be ending yet.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "protocol/mutex/types.hpp"
#include "protocol/shape.hpp"

namespace coord::election {

namespace lease_race {

// Of a candidate: in its attempt of this number; `sent_ns` is by its own clock and
// comes back with the answer.
struct Join {  // also the renewal
  std::uint64_t attempt = 0;
  std::int64_t sent_ns = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(attempt, sent_ns);
  }
};
struct Look {  // am I first?
  std::uint64_t attempt = 0;
  std::int64_t sent_ns = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(attempt, sent_ns);
  }
};
struct Leave {
  std::uint64_t attempt = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(attempt);
  }
};
// Of the store.
struct Kept {
  std::uint64_t attempt = 0;
  std::int64_t sent_ns = 0;
  std::uint64_t token = 0;  // 0: it waits; else it leads
  template <class Archive>
  void serialize(Archive& archive) {
    archive(attempt, sent_ns, token);
  }
};
struct Notice {  // the leader's entry is gone: look
  std::uint64_t attempt = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(attempt);
  }
};
using Message = std::variant<Join, Look, Leave, Kept, Notice>;

}  // namespace lease_race

struct Lost {};  // said to the user: he does not lead any more, whatever he was at

class LeaseRace : public Shape<LeaseRace> {
 public:
  using Message = lease_race::Message;
  struct Config {
    NodeId self;
    NodeId store;  // it is no candidate
    Duration ttl{};
    bool herd = false;
    std::uint64_t attempts_before = 0;  // of this node's earlier lives
  };
  using Event = std::variant<mutex::Acquire, mutex::Release, Receive, Tick>;
  using Action = std::variant<Send, mutex::Granted, mutex::Refused, Lost>;
  using Actions = std::vector<Action>;

  explicit LeaseRace(Config config) : config_(config), attempt_(config.attempts_before) {}

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- output
  std::optional<Instant> deadline() const;
  mutex::Phase phase() const { return phase_; }
  std::set<NodeId> missing() const { return {config_.store}; }
  Token floor() const { return {}; }
  // Inside: by then it leads no more, unless it is renewed.
  std::optional<Instant> granted_until() const;

 private:
  struct Entry {
    NodeId candidate;
    std::uint64_t attempt = 0;
    Instant expires;
    std::uint64_t token = 0;  // it leads
  };

  void on(Instant now, const mutex::Acquire&, Actions& actions);
  void on(Instant now, const mutex::Release&, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  // ---- a candidate's
  void receive(Instant now, NodeId from, const lease_race::Kept& kept, Actions& actions);
  void receive(Instant now, NodeId from, const lease_race::Notice& notice, Actions& actions);
  void renew(Instant now, Actions& actions);
  // ---- the store's
  void receive(Instant now, NodeId from, const lease_race::Join& join, Actions& actions);
  void receive(Instant now, NodeId from, const lease_race::Look& look, Actions& actions);
  void receive(Instant now, NodeId from, const lease_race::Leave& leave, Actions& actions);
  void answer(Instant now, NodeId from, std::uint64_t attempt, std::int64_t sent_ns, Actions& actions);
  std::vector<Entry>::iterator find(NodeId candidate, std::uint64_t attempt);
  void drop(NodeId candidate, std::uint64_t attempt, Actions& actions);
  void notice_next(Actions& actions) const;
  bool has_leader() const;

  Config config_;
  mutex::Phase phase_ = mutex::Phase::idle;
  std::uint64_t attempt_ = 0;
  Instant stop_at_;  // inside: by then it must have been renewed
  Instant renew_at_;
  std::vector<Entry> entries_;  // the store's, in the order in which they came
  std::uint64_t last_token_ = 0;
};

}  // namespace coord::election
