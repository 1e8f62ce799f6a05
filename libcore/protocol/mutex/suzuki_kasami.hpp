// SPDX-License-Identifier: MIT
// Mutual exclusion by a token that is asked for (Suzuki and Kasami, "A Distributed Mutual Exclusion
// Algorithm", ACM Transactions on Computer Systems 3(4), 1985).
//
// Problem: asking every site for permission costs 2(N-1) messages even when one site alone uses the resource.
// Why the obvious answer fails: if who wants the token asks for it and the holder passes it on, a request
// that arrives late, after the token has been and gone, makes it travel to a site that no longer wants it,
// and one that misses the token on its travels is never served. Algorithm: the n-th request of a site goes to
// all and says n. Every site keeps the highest n of each other (RN); the token carries the number of each
// site's last request that was served (LN) and a queue. A request is outstanding exactly when RN > LN (RN =
// LN + 1 in the paper, where nobody withdraws: who withdraws the n-th request and makes the next has LN = n -
// 1 there). Who leaves puts every outstanding site that is not in the queue at its end, and passes the token
// to the first. Why never two: there is one token.
//
// Costs no message if the site has the token, else N: N-1 requests and the token; one message delay from a
// leaving to the next entering. The token counts the entries: that is the fencing token. Needs channels that
// lose nothing, in any order. With a site that crashes the token may be gone: the sites that are left stop,
// and a new epoch (types.hpp) begins with a new token at the first of them; tokens of other epochs are void.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "protocol/mutex/types.hpp"

namespace coord::mutex {

namespace suzuki_kasami {

struct Request {
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;  // this site's n-th
  template <class Archive>
  void serialize(Archive& archive) {
    archive(epoch, number);
  }
};
struct Privilege {  // the paper's word for the token
  std::uint64_t epoch = 0;
  std::uint64_t entries = 0;               // so far
  std::map<NodeId, std::uint64_t> served;  // LN
  std::deque<NodeId> queue;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(epoch, entries, served, queue);
  }
};
using Message = std::variant<Request, Privilege>;

}  // namespace suzuki_kasami

class SuzukiKasami : public SiteShape<suzuki_kasami::Message> {
 public:
  // The first site of the list has the token at first.
  explicit SuzukiKasami(Membership members);

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- output
  std::optional<Instant> deadline() const { return std::nullopt; }
  Phase phase() const { return phase_; }
  bool has_token() const { return token_.has_value(); }
  std::set<NodeId> missing() const;  // while waiting: any of these may have the token
  // A request of this site, which has come, is held up here by another.
  bool holds_up(NodeId) const { return phase_ == Phase::inside; }
  Token floor() const { return CountedToken::floor(members_.epoch); }

 private:
  void on(const Acquire&, Actions& actions);
  void on(const Release&, Actions& actions);
  void on(const Receive& receive, Actions& actions);
  void on(const Tick&, Actions&) {}
  void receive(NodeId from, const suzuki_kasami::Request& request, Actions& actions);
  void receive(NodeId from, const suzuki_kasami::Privilege& token, Actions& actions);
  void enter(Actions& actions);
  void pass_on(Actions& actions);
  bool is_outstanding(NodeId site) const;

  Membership members_;
  Phase phase_ = Phase::idle;
  std::map<NodeId, std::uint64_t> requested_;  // RN
  std::optional<suzuki_kasami::Privilege> token_;
};

}  // namespace coord::mutex
