// SPDX-License-Identifier: MIT
// Mutual exclusion by asking everybody (Ricart and Agrawala, "An Optimal Algorithm for Mutual Exclusion in
// Computer Networks", Communications of the ACM 24(1), 1981).
//
// Problem: N sites share one resource, there is no coordinator, and messages take any time and overtake each
// other. Why the obvious answers fail: a coordinator is one point of failure; letting the earliest wall-clock
// time win lets two in when clocks differ; asking all and going in on "yes" lets two in when both were asked
// before either asked. Algorithm: a site that wants in takes a timestamp larger than every one it has seen
// and sends REQUEST(timestamp) to all others. A site that is asked replies at once, unless it is inside, or
// wants in itself and its own request comes first by (timestamp, site): then it replies when it leaves. A
// site is inside when all others have replied.
// Why never two: let (t, a) come before (u, b) and both be inside. So a has replied to b's request. If
// a did so before it made its own, its timestamp t is larger than u; if after, it was waiting or
// inside with the earlier request and deferred. Neither can be. Costs 2(N-1) messages an entry, one
// message delay between a leaving and the next entering. Entries go in the order of (timestamp, site),
// so that pair is the fencing token.
//
// Four mistakes that implementations make, each a rule below: comparing with the live clock instead of the
// request's timestamp; no tie-break; counting replies where a network may deliver one twice; replying while
// inside because the other's timestamp looks earlier. Two more for networks that lose: a reply names the
// request that it answers, and a request is sent again (Config::resend; the paper's network loses nothing).
//
// What a crash does: every site must reply, so one dead or unreachable site stops everyone who waits. Nobody
// is let in: a time-out cannot tell dead from inside. missing() names the sites that are waited for. A site
// that has forgotten its state (a restart) must not come back in the same epoch: it may be owed an answer or
// have given one. Whoever leads the group (a majority, or the administrator) starts a new epoch with the
// sites that are left, once nobody is inside, with a clock_start above all earlier timestamps; messages of
// other epochs are ignored.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "protocol/mutex/types.hpp"
#include "protocol/shape.hpp"

namespace coord::mutex {

class RicartAgrawala : public Shape<RicartAgrawala> {
 public:
  struct Config {
    NodeId self;
    std::vector<NodeId> sites;  // all, self included, sorted, unique, at most 1024
    std::uint64_t epoch = 0;
    std::uint64_t clock_start = 0;  // every timestamp of this epoch is larger
    Duration resend{};  // a request is repeated to the missing sites so often; 0: never, as in the paper
  };

  struct Request {
    std::uint64_t epoch = 0;
    std::uint64_t time = 0;  // with the sender it is the Stamp

    bool operator==(const Request&) const = default;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(epoch, time);
    }
  };
  struct Reply {
    std::uint64_t epoch = 0;
    std::uint64_t time = 0;  // of the request that it answers

    bool operator==(const Reply&) const = default;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(epoch, time);
    }
  };
  using Message = std::variant<Request, Reply>;

  using Event = std::variant<Acquire, Release, Receive, Tick>;

  using Action = std::variant<Send, Granted, Refused>;
  using Actions = std::vector<Action>;

  explicit RicartAgrawala(Config config);

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- output
  std::optional<Instant> deadline() const;  // when the request is to be sent again
  Phase phase() const { return phase_; }
  const std::set<NodeId>& missing() const { return missing_; }  // while waiting: who has not replied
  std::optional<Stamp> request() const;                         // while waiting or inside
  Token token() const;                                          // while inside
  // A request of this site, which has come, is held up here by another.
  bool holds_up(NodeId site) const { return deferred_.contains(site); }
  Token floor() const;  // no token given so far is larger, if all sites of the epoch that live are asked

 private:
  void on(Instant now, const Acquire&, Actions& actions);
  void on(Instant now, const Release&, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  void receive(NodeId from, const Request& request, Actions& actions);
  void receive(NodeId from, const Reply& reply, Actions& actions);
  void ask_missing(Instant now, Actions& actions);
  void enter_if_all_replied(Actions& actions);
  bool defers(Stamp theirs) const;
  bool knows(NodeId site) const;

  Config config_;
  std::uint64_t clock_;        // the highest timestamp seen or made
  std::uint64_t clock_limit_;  // so that tokens stay below 2^53
  Phase phase_ = Phase::idle;
  Stamp request_;  // ours, while waiting or inside
  std::set<NodeId> missing_;
  std::map<NodeId, std::uint64_t> deferred_;  // who is replied to when we leave, and to which request
  std::optional<Instant> resend_at_;
};

}  // namespace coord::mutex
