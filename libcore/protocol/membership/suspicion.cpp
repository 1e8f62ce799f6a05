// SPDX-License-Identifier: MIT
#include "protocol/membership/suspicion.hpp"

#include <algorithm>
#include <cmath>

#include "base/rule.hpp"

namespace coord::membership {

Suspicion::Suspicion(Instant began, NodeId by, std::size_t wanted, Duration shortest, Duration longest)
    : began_(began), by_{by}, wanted_(wanted), shortest_(shortest), longest_(std::max(shortest, longest)) {}

bool Suspicion::confirm(NodeId by) {
  if (confirmations_ >= wanted_) return false;
  const bool first = by_.insert(by).second;
  if (!COORD_RULE(swim_confirmation_counts_once, first)) return false;
  ++confirmations_;
  return true;
}

Instant Suspicion::ends() const {
  if (wanted_ == 0) return began_ + shortest_;
  const double share =
      std::log(static_cast<double>(confirmations_) + 1) / std::log(static_cast<double>(wanted_) + 1);
  const auto saved = static_cast<Duration::rep>(static_cast<double>((longest_ - shortest_).count()) * share);
  return began_ + std::max(shortest_, longest_ - Duration(saved));
}

Duration shortest_suspicion(std::size_t members, Duration period, std::size_t factor) {
  const double scale = std::max(1.0, std::log10(static_cast<double>(std::max<std::size_t>(members, 1)))) *
                       static_cast<double>(factor);
  return Duration(static_cast<Duration::rep>(scale * static_cast<double>(period.count())));
}

std::size_t tell_limit(std::size_t members, std::size_t factor) {
  return factor * static_cast<std::size_t>(std::ceil(std::log10(static_cast<double>(members) + 1)));
}

}  // namespace coord::membership
