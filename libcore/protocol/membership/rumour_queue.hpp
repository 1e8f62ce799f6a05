// SPDX-License-Identifier: MIT
// News that is still to be passed on: each so many times, what was said least often first, the newest first
// among those. Of each member only what was heard last.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <tuple>

#include "protocol/membership/swim_messages.hpp"

namespace coord::membership {

class RumourQueue {
 public:
  void put(const Rumour& rumour);
  // At most `count`, to be told once more; what has been told `limit` times is dropped.
  Rumours take(std::size_t count, std::size_t limit);
  bool empty() const { return order_.empty(); }
  std::size_t size() const { return order_.size(); }

 private:
  using Place = std::tuple<std::size_t, std::uint64_t, NodeId>;  // told, newest first, whom it concerns
  struct Waiting {
    Rumour rumour;
    std::uint64_t age = 0;
    std::size_t told = 0;
  };
  std::map<NodeId, Waiting> rumours_;
  std::set<Place> order_;
  std::uint64_t next_age_ = ~std::uint64_t{0};
};

}  // namespace coord::membership
