// SPDX-License-Identifier: MIT
#include "casts/allowance.hpp"

#include <algorithm>
#include <chrono>

#include "base/rule.hpp"

namespace coord::casts {

namespace {

Duration until(double missing, double a_second) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(missing / a_second));
}

}  // namespace

void Allowance::Bucket::fill(Instant now, Rate rate) {
  const double seconds = std::chrono::duration<double>(now - at).count();
  left = std::min(rate.at_once, left + std::max(0.0, seconds) * rate.a_second);
  at = now;
}

std::optional<Duration> Allowance::spend(Instant now, const std::string& user, std::size_t bytes) {
  for (auto& [name, bucket] : users_) bucket.fill(now, of_user);
  std::erase_if(users_, [](const auto& entry) { return entry.second.left >= of_user.at_once; });
  host_.fill(now, of_host);
  const double cost = 1 + static_cast<double>(bytes / 4096);
  Bucket& own = users_.try_emplace(user, Bucket{of_user.at_once, now}).first->second;
  const double missing_of_user = cost - own.left, missing_of_host = cost - host_.left;
  if (!COORD_RULE(a_users_casts_are_bounded, missing_of_user <= 0))
    return until(missing_of_user, of_user.a_second);
  if (!COORD_RULE(a_hosts_casts_are_bounded, missing_of_host <= 0))
    return until(missing_of_host, of_host.a_second);
  own.left -= cost;
  host_.left -= cost;
  return std::nullopt;
}

}  // namespace coord::casts
