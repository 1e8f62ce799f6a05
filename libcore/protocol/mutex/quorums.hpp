// SPDX-License-Identifier: MIT
// Quorums for Maekawa's algorithm: for each of N sites a set that contains it, so that any two sets meet.
#pragma once

#include <cstddef>
#include <vector>

#include "base/ids.hpp"

namespace coord::mutex {

enum class QuorumKind {
  best,  // the plane where there is one, else the grid
  grid,  // a row and a column of a square as full as it can be: about 2 sqrt(N) - 1 sites
};

// For N = 3, 7, 13, 21, 31, 57 the lines of a projective plane, K(K-1) + 1 = N: no sets are smaller (Maekawa,
// section 3). Line i is i + D for a difference set D (Singer 1938).
bool has_plane(std::size_t sites);

// The quorum of the site at this place of the sorted list, sorted.
std::vector<NodeId> quorum_of(const std::vector<NodeId>& sites, std::size_t rank,
                              QuorumKind kind = QuorumKind::best);

}  // namespace coord::mutex
