// SPDX-License-Identifier: MIT
// How the hosts of an election are the nodes of its algorithm: by roles, which each host numbers for itself.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "agreements/shelf.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"

namespace coord::agreements {

inline constexpr NodeId store_role{1}, first_candidate{2};
// In an Election: who speaks to whom, whatever number its host gives to the other.
inline constexpr std::uint32_t a_store = 1, a_candidate = 2;
inline constexpr Duration shortest_bound = std::chrono::milliseconds(10), longest_bound = longest_of_leases;

// 0: none of these.
inline NodeId role_among(const std::vector<NodeId>& candidates, NodeId node) {
  const auto at = std::ranges::find(candidates, node);
  if (at == candidates.end()) return NodeId{};
  return NodeId{first_candidate.value + static_cast<std::uint64_t>(at - candidates.begin())};
}
inline NodeId node_among(const std::vector<NodeId>& candidates, NodeId role) {
  if (role < first_candidate) return NodeId{};
  const std::size_t place = role.value - first_candidate.value;
  return place < candidates.size() ? candidates[place] : NodeId{};
}

}  // namespace coord::agreements
