// SPDX-License-Identifier: MIT
// The arithmetic of majorities: who has won, and what a majority has reached. Any two majorities of a group
// share a peer; everything that Raft promises hangs on that.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <vector>

#include "base/ids.hpp"

namespace coord::raft {

constexpr std::size_t majority_of(std::size_t peers) {
  return peers / 2 + 1;
}

enum class Ballot { pending, won, lost };

// `votes` holds the answers so far of a group of `peers`, one's own included.
inline Ballot tally(const std::map<NodeId, bool>& votes, std::size_t peers) {
  std::size_t yes = 0;
  for (const auto& [peer, granted] : votes) yes += granted ? 1 : 0;
  if (yes >= majority_of(peers)) return Ballot::won;
  const std::size_t no = votes.size() - yes;
  return no + majority_of(peers) > peers ? Ballot::lost : Ballot::pending;
}

// The largest value that a majority of the group has reached. Who is missing from `values`, or may not be
// counted, has reached `nothing`: it still stands in the denominator.
template <class Value>
Value reached_by_majority(std::vector<Value> values, std::size_t peers, Value nothing) {
  values.resize(std::max(values.size(), peers), nothing);
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(majority_of(peers) - 1);
  std::nth_element(values.begin(), nth, values.end(), std::greater<>());
  return *nth;
}

}  // namespace coord::raft
