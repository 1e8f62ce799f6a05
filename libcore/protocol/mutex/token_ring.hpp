// SPDX-License-Identifier: MIT
// Mutual exclusion by a token that goes round (Le Lann, "Distributed Systems: Towards a Formal Approach",
// IFIP 1977; regeneration in the manner of Chang and Roberts, Communications of the ACM 22(5), 1979).
//
// Problem: who has the token may go in, and everybody gets it in turn. But a token can be lost. Why the
// obvious answer fails: if a site that has waited long makes a new one, the old one may only have been slow,
// and then there are two. Algorithm: the sites form a ring; whoever has the token goes in if he wants, else
// keeps it for a moment (`rest`) and passes it on. When it has gone round twice for nobody it sleeps where it
// is. Each site has then passed it on in the last round and knows how long it had gone for nobody, so it
// knows where it sleeps: who wants it asks there, and it goes round again. A site that has missed the token
// for long (`lost_after`) sends a census of a higher generation round. Who has the token swallows the census,
// and the token becomes one of that generation: nothing is lost. Every other site promises to take no token
// of an older generation any more, adds the highest entry number that it knows, and passes it on. If the
// census comes back, all have promised: an old token that is still somewhere is void wherever it arrives, so
// the initiator makes a new one, of the census's generation, that goes on counting above all known entries.
// Two censuses at once: the higher (number, site) passes, the lower dies where they meet. A network that
// doubles messages would double the token: it carries how often it was passed on, and who has seen it so far
// or farther takes it no more.
//
// Costs one message an entry if all want all the time; up to N messages and delays for who wants alone, the
// question among them; and two rounds after the last entry. Loss and cut links are stood. A crashed site
// breaks the ring: the others stop and go on without it in a new epoch (types.hpp). The fencing token is the
// entry's number in its epoch.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "protocol/mutex/types.hpp"

namespace coord::mutex {

namespace token_ring {

// Which of several tokens is the valid one: the highest.
struct Generation {
  std::uint64_t number = 0;
  NodeId maker;
  auto operator<=>(const Generation&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number, maker);
  }
};
struct Pass {
  std::uint64_t epoch = 0;
  Generation generation;
  std::uint64_t hops = 0;     // how often this token was passed on
  std::uint64_t entries = 0;  // so far, of the epoch
  std::uint64_t idle = 0;     // how often it was passed on since somebody was in, or asked
  template <class Archive>
  void serialize(Archive& archive) {
    archive(epoch, generation, hops, entries, idle);
  }
};
// To where the token sleeps, or is going to.
struct Ask {
  std::uint64_t epoch = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(epoch);
  }
};
struct Census {
  std::uint64_t epoch = 0;
  Generation generation;
  std::uint64_t entries = 0;  // the highest number that any site on the way knows
  template <class Archive>
  void serialize(Archive& archive) {
    archive(epoch, generation, entries);
  }
};
using Message = std::variant<Pass, Census, Ask>;

}  // namespace token_ring

class TokenRing : public SiteShape<token_ring::Message> {
 public:
  struct Config {
    Membership members;     // the ring goes in the order of the list; the first has the token at first
    Duration rest{};        // how long a site that does not want the token keeps it
    Duration lost_after{};  // without the token: when a census is sent; 0: never
  };

  explicit TokenRing(Config config);

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- output
  std::optional<Instant> deadline() const;
  Phase phase() const { return phase_; }
  bool has_token() const { return token_.has_value(); }
  std::set<NodeId> missing() const;  // while waiting: any of these may have the token
  // A request of this site, which has come, is held up here by another.
  bool holds_up(NodeId) const { return phase_ == Phase::inside; }
  Token floor() const { return CountedToken::floor(config_.members.epoch); }

 private:
  void on(Instant now, const Acquire&, Actions& actions);
  void on(Instant now, const Release&, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  void receive(Instant now, const token_ring::Pass& pass, Actions& actions);
  void receive(Instant now, const token_ring::Census& census, Actions& actions);
  void receive(Instant now, const token_ring::Ask& ask, Actions& actions);
  void take(Instant now, token_ring::Pass token, Actions& actions);
  void adopt(Instant now, const token_ring::Generation& generation);
  void wake(Instant now);
  std::uint64_t two_rounds() const { return 2 * config_.members.sites.size(); }
  std::optional<NodeId> sleeper() const;
  void enter(Instant now, Actions& actions);
  void pass_on(Instant now, Actions& actions);
  void expect_token(Instant now);
  NodeId next() const;

  Config config_;
  Phase phase_ = Phase::idle;
  token_ring::Generation promised_;  // no token of an older one is taken
  std::uint64_t hops_seen_ = 0;      // of the promised generation
  std::uint64_t entries_seen_ = 0;
  std::optional<token_ring::Pass> token_;
  std::optional<Instant> due_;     // with the token: pass it on; without: it is lost
  std::uint64_t idle_passed_ = 0;  // token_ring::Pass::idle when it was passed on last; 0: it never was
  bool asked_ = false;             // for the token, which is not here
  bool started_ = false;           // the first step says what time it is
};

}  // namespace coord::mutex
