// What the algorithms for mutual exclusion without a coordinator have in common: what a site is told by its
// user and what it says to him, and the total order of requests.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"

namespace coord::mutex {

// A request's place in the order of all requests: Lamport's time, ties by site (Lamport 1978, "the relation
// =>").
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

enum class Phase : std::uint8_t { idle, waiting, inside };

}  // namespace coord::mutex
