// SPDX-License-Identifier: MIT
#include "protocol/mutex/types.hpp"

#include <algorithm>
#include <functional>

#include "base/check.hpp"

namespace coord::mutex {

void check_members(const Membership& members) {
  const auto& sites = members.sites;
  COORD_CHECK(!sites.empty() && sites.size() <= sites_limit);
  COORD_CHECK(std::adjacent_find(sites.begin(), sites.end(), std::greater_equal<>()) == sites.end());
  COORD_CHECK(rank_of(members, members.self));
  COORD_CHECK(members.epoch < CountedToken::most_epochs);
}

std::optional<std::size_t> rank_of(const Membership& members, NodeId site) {
  const auto place = std::lower_bound(members.sites.begin(), members.sites.end(), site);
  if (place == members.sites.end() || *place != site) return std::nullopt;
  return static_cast<std::size_t>(place - members.sites.begin());
}

Token StampedToken::of(const Membership& members, const Stamp& stamp) {
  return Token{stamp.time * members.sites.size() + rank_of(members, stamp.site).value_or(0)};
}

std::uint64_t StampedToken::clock_start(const Membership& members) {
  return members.floor.value == 0 ? 0 : members.floor.value / members.sites.size() + 1;
}

std::uint64_t StampedToken::clock_limit(const Membership& members) {
  return token_limit / members.sites.size() - 1;
}

}  // namespace coord::mutex
