// SPDX-License-Identifier: MIT
// Mutual exclusion by a queue that every site keeps (Lamport, "Time, Clocks, and the Ordering of Events in a
// Distributed System", Communications of the ACM 21(7), 1978, "ordering the events totally").
//
// Problem: N sites share one resource without a coordinator, and requests are to be granted in the order in
// which they were made. Why the obvious answer fails: if a site goes in when its own request is the earliest
// that it has seen, an earlier one may still be on its way to it. Algorithm: a request carries a timestamp
// and goes to all sites, each of which puts it into its queue and acknowledges it with a later timestamp. A
// site goes in when its own request is the earliest in its queue and it has a message with a later timestamp
// from every other site; when it leaves it tells all, and they take the request out. Why never two: channels
// are FIFO. Who has a later message from a site has every earlier request of it, so two sites inside would
// each have the other's request in their queue, and one of the two is the earlier.
//
// Costs 3(N-1) messages an entry, one message delay from a leaving to the next entering. Entries go
// in the order of (timestamp, site), which is the fencing token. Needs FIFO channels that lose
// nothing (TCP); one site that does not answer stops everyone who waits: missing() names it, a new
// epoch goes on without it (types.hpp).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "protocol/mutex/types.hpp"

namespace coord::mutex {

namespace lamport {

struct Request {
  std::uint64_t epoch = 0;
  std::uint64_t time = 0;  // with the sender it is the Stamp
  template <class Archive>
  void serialize(Archive& archive) {
    archive(epoch, time);
  }
};
struct Acknowledge {
  std::uint64_t epoch = 0;
  std::uint64_t time = 0;  // later than that of the request
  template <class Archive>
  void serialize(Archive& archive) {
    archive(epoch, time);
  }
};
struct Leave {  // the paper's release
  std::uint64_t epoch = 0;
  std::uint64_t time = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(epoch, time);
  }
};
using Message = std::variant<Request, Acknowledge, Leave>;

}  // namespace lamport

class Lamport : public SiteShape<lamport::Message> {
 public:
  explicit Lamport(Membership members);

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- output
  std::optional<Instant> deadline() const { return std::nullopt; }
  Phase phase() const { return phase_; }
  std::set<NodeId> missing() const;  // while waiting: who has said nothing later yet, or is before us
  // A request of this site, which has come, is held up here by another.
  bool holds_up(NodeId site) const { return !queue_.empty() && queue_.begin()->site != site; }
  Token floor() const;  // no token given so far is larger, if all sites of the epoch that live are asked

 private:
  void on(const Acquire&, Actions& actions);
  void on(const Release&, Actions& actions);
  void on(const Receive& receive, Actions& actions);
  void on(const Tick&, Actions&) {}
  void receive(NodeId from, const lamport::Request& request, Actions& actions);
  void receive(NodeId from, const lamport::Acknowledge& acknowledge, Actions& actions);
  void receive(NodeId from, const lamport::Leave& leave, Actions& actions);
  void tell_all(const Message& message, Actions& actions) const;
  void enter_if_first(Actions& actions);
  bool has_later_from(NodeId site) const;

  Membership members_;
  std::uint64_t clock_;
  Phase phase_ = Phase::idle;
  Stamp request_;                          // ours, while waiting or inside
  std::set<Stamp> queue_;                  // every request known, ours among them
  std::map<NodeId, std::uint64_t> heard_;  // the latest timestamp from each other site
};

}  // namespace coord::mutex
