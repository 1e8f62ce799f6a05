// SPDX-License-Identifier: MIT
// What the algorithms for mutual exclusion without a coordinator have in common: what a site is told by its
// user and what it says to him, and the total order of requests.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "protocol/shape.hpp"

namespace coord::mutex {

// A request's place in the order of all requests: Lamport's time, ties by site
// (Lamport 1978, "the relation =>").
struct Stamp {
  std::uint64_t time = 0;
  NodeId site;
  auto operator<=>(const Stamp&) const = default;
};

// ---- told by the user of this site
struct Acquire {};  // without effect while waiting or inside: one request a site at a time
struct Release {};  // leaves; while waiting: withdraws the request

// ---- said to him
struct Granted {
  Token token;  // larger than every token granted before it, anywhere in this epoch
};
struct Refused {
  std::string why;
};

// Who takes part, from when on. A site that has crashed is never waited out: whoever leads the group (a
// majority, or the administrator) stops the sites that are left, and when none of them is inside begins the
// next epoch with them. Messages of other epochs are ignored.
struct Membership {
  NodeId self;
  std::vector<NodeId> sites;  // all, self included, sorted, unique, at most 1024
  std::uint64_t epoch = 0;    // below 2^20
  Token floor{};  // every token of this epoch is larger: the highest floor() of the sites before it
};

// No site beyond this number: timestamps and tokens have to fit below 2^53.
inline constexpr std::size_t sites_limit = 1024;
inline constexpr std::uint64_t token_limit = std::uint64_t{1} << 53U;

// Checks that the list is one, with self in it.
void check_members(const Membership& members);
// The place of a site in the sorted list, from 0; nothing if it is none of them.
std::optional<std::size_t> rank_of(const Membership& members, NodeId site);

// Tokens of algorithms that count: the epoch above, 32 bits of counter below. A site that died may have used
// a number that nobody else has heard of; the epoch is above it all the same.
struct CountedToken {
  static constexpr std::uint64_t most_counted = (std::uint64_t{1} << 32U) - 1;
  static constexpr std::uint64_t most_epochs = std::uint64_t{1} << 20U;
  static Token of(std::uint64_t epoch, std::uint64_t count) { return Token{(epoch << 32U) | count}; }
  static Token floor(std::uint64_t epoch) { return of(epoch, most_counted); }
};
// Tokens of algorithms that let in by (timestamp, site): the pair as one number.
struct StampedToken {
  static Token of(const Membership& members, const Stamp& stamp);
  static std::uint64_t clock_start(
      const Membership& members);  // every token of a later timestamp is above the floor
  static std::uint64_t clock_limit(const Membership& members);  // no timestamp of this epoch is larger
};

enum class Phase : std::uint8_t { idle, waiting, inside };

// What a site's step takes and gives, by its type of message.
template <class M>
struct SiteShape : Speaks<M>, Shape<Speaks<M>> {
  using typename Shape<Speaks<M>>::Receive, typename Shape<Speaks<M>>::Send, typename Shape<Speaks<M>>::Tick;
  using Event = std::variant<Acquire, Release, Receive, Tick>;
  using Action = std::variant<Send, Granted, Refused>;
  using Actions = std::vector<Action>;
};

}  // namespace coord::mutex
