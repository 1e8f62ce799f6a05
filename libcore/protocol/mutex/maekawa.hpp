// SPDX-License-Identifier: MIT
// Mutual exclusion by quorums (Maekawa, "A sqrt(N) Algorithm for Mutual Exclusion in Decentralized Systems",
// ACM Transactions on Computer Systems 3(2), 1985; with the correction of Sanders, "The Information Structure
// of Distributed Mutual Exclusion Algorithms", ACM Transactions on Computer Systems 5(3), 1987).
//
// Problem: asking everybody for permission costs 2(N-1) messages. Why the obvious answer fails: it is
// enough to ask a set of about sqrt(N) sites if any two such sets meet and each site lets in one at a
// time (quorums.hpp); but then three can each have some of what the others need, and wait for ever.
// Algorithm: a request carries a timestamp. A site that is asked is an arbiter: it locks itself for the
// earliest request it can, and queues the others. It tells who comes later than another FAILED; when an
// earlier request comes than the one that it is locked for, it asks that one by INQUIRE whether it can
// give the lock back. Who has FAILED somewhere yields; who may still succeed keeps the question for
// later. YIELD gives the lock to the earliest, and puts the other back into the queue. Who has all locks
// of its quorum is inside; RELEASE unlocks.
//
// For liveness all four of these are needed, and each has been left out by somebody: the queue's head that is
// superseded by an earlier request must be told FAILED now (Sanders); a site's own YIELD counts as a failure;
// an INQUIRE that cannot be decided yet is kept, not dropped; every message names the request that it is
// about. A missing one never lets two in: only a check of progress finds it.
//
// Costs 3(K-1) messages an entry without contention, at most 5(K-1) with it; two message delays from a
// leaving to the next entering. Needs FIFO channels that lose nothing. A site that crashes stops those whose
// quorum has it; the others stop too and go on without it in a new epoch (types.hpp). The fencing token is
// one more than the highest that any arbiter of the quorum has heard of: the token of the last entry is known
// where quorums meet.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/mutex/types.hpp"

namespace coord::mutex {

namespace maekawa {

// What is said, always about one request: that of `site` at `time`.
enum class What : std::uint8_t { request, locked, failed, inquire, yield, release };
struct Message {
  What what = What::request;
  std::uint64_t epoch = 0;
  std::uint64_t time = 0;  // of the request, with its site: the Stamp
  // locked: the highest that the arbiter has heard of; release: this one's, 0 if withdrawn
  std::uint64_t entry = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(what, epoch, time, entry);
  }
};

}  // namespace maekawa

class Maekawa : public SiteShape<maekawa::Message> {
 public:
  struct Config {
    Membership members;
    std::vector<NodeId> quorum;  // of this site, itself among them
  };

  explicit Maekawa(Config config);

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- output
  std::optional<Instant> deadline() const { return std::nullopt; }
  Phase phase() const { return phase_; }
  std::set<NodeId> missing() const;  // while waiting: whose lock it has not got
  // This arbiter, which that site has asked, is locked for another one; or this site is inside. An arbiter
  // that was not asked, as it is not of that site's quorum, holds up nobody.
  bool holds_up(NodeId site) const;
  Token floor() const { return CountedToken::floor(config_.members.epoch); }

 private:
  using What = maekawa::What;

  void on(const Acquire&, Actions& actions);
  void on(const Release&, Actions& actions);
  void on(const Receive& receive, Actions& actions);
  void on(const Tick&, Actions&) {}
  void hear(NodeId from, const Message& message, Actions& actions);
  // What a site says to itself does not travel.
  void say(NodeId to, What what, std::uint64_t time, std::uint64_t entry = 0);
  void carry(Actions& actions);

  // ---- as an arbiter
  void asked(Stamp theirs);
  void lock_for_first();
  void given_back(Stamp theirs);
  void released(Stamp theirs, std::uint64_t entry);

  // ---- as one who asks
  void answered(NodeId arbiter, const Message& message, Actions& actions);
  void yield_if_failed();
  void enter_if_locked(Actions& actions);

  Config config_;
  std::uint64_t clock_ = 0;
  std::uint64_t last_entry_ = 0;  // the highest that this site has heard of
  std::deque<std::pair<NodeId, Message>> outgoing_;

  std::optional<Stamp> locked_for_;
  bool inquired_ = false;  // whether that one was asked to give the lock back
  std::set<Stamp> queue_;

  Phase phase_ = Phase::idle;
  Stamp request_;
  std::uint64_t entry_ = 0;     // while waiting: the highest heard of; inside: ours
  std::set<NodeId> locks_;      // arbiters that are locked for us
  std::set<NodeId> failures_;   // arbiters that are locked for an earlier one, or were given back
  std::set<NodeId> undecided_;  // arbiters that have asked for their lock
};

}  // namespace coord::mutex
