// SPDX-License-Identifier: MIT
#include "protocol/mutex/quorums.hpp"

#include <algorithm>
#include <map>

#include "base/check.hpp"

namespace coord::mutex {

namespace {

// Each nonzero number modulo N is the difference of exactly one pair.
const std::map<std::size_t, std::vector<std::size_t>>& difference_sets() {
  static const std::map<std::size_t, std::vector<std::size_t>> sets = {
      {3, {0, 1}},
      {7, {0, 1, 3}},
      {13, {0, 1, 3, 9}},
      {21, {0, 1, 4, 14, 16}},
      {31, {0, 1, 3, 8, 12, 18}},
      {57, {0, 1, 3, 13, 32, 36, 43, 52}},
  };
  return sets;
}

// Only the last row may be incomplete. Two sites at (r, c) and (s, d) meet at (r, d) or at (s, c): at least
// one of these exists, for in the last row whoever has a site there has its column.
std::vector<std::size_t> cross(std::size_t count, std::size_t rank) {
  std::size_t width = 1;
  while (width * width < count) ++width;
  std::vector<std::size_t> places;
  for (std::size_t other = 0; other < count; ++other)
    if (other / width == rank / width || other % width == rank % width) places.push_back(other);
  return places;
}

}  // namespace

bool has_plane(std::size_t sites) {
  return difference_sets().contains(sites);
}

std::vector<NodeId> quorum_of(const std::vector<NodeId>& sites, std::size_t rank, QuorumKind kind) {
  COORD_CHECK(rank < sites.size());
  std::vector<std::size_t> places;
  if (kind == QuorumKind::best && has_plane(sites.size())) {
    for (const std::size_t difference : difference_sets().at(sites.size()))
      places.push_back((rank + difference) % sites.size());
  } else {
    places = cross(sites.size(), rank);
  }
  std::vector<NodeId> quorum;
  for (const std::size_t place : places) quorum.push_back(sites[place]);
  std::ranges::sort(quorum);
  return quorum;
}

}  // namespace coord::mutex
