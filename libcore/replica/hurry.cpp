// SPDX-License-Identifier: MIT
#include "replica/hurry.hpp"

#include <algorithm>

namespace coord::replica {

void Hurry::begin(std::uint64_t ticket, Instant asked) {
  if (requests_.emplace(ticket, Request{asked, leader_}).second) by_age_.emplace(asked, ticket);
}

void Hurry::end(std::uint64_t ticket) {
  const auto found = requests_.find(ticket);
  if (found == requests_.end()) return;
  by_age_.erase({found->second.asked, ticket});
  requests_.erase(found);
}

void Hurry::leader_is(Instant now, bool known) {
  if (leader_ && !known) last_led_ = now;
  if (known) progress_ = now;
  leader_ = known;
}

Instant Hurry::end_of(Instant asked) const {
  if (!leader_) return asked + terms_.leader;
  const Instant last = asked + terms_.leader + terms_.commit + terms_.slack;
  return std::min(last, std::max(asked, progress_) + terms_.commit);
}

std::vector<Hurry::Late> Hurry::over(Instant now) {
  std::vector<Late> late;
  while (!by_age_.empty() && now >= end_of(by_age_.begin()->first)) {
    const auto [asked, ticket] = *by_age_.begin();
    const bool led = requests_.at(ticket).led || leader_ || (last_led_ && *last_led_ > asked);
    late.push_back({ticket, led});
    end(ticket);
  }
  return late;
}

std::optional<Instant> Hurry::deadline() const {
  if (by_age_.empty()) return std::nullopt;
  return end_of(by_age_.begin()->first);
}

}  // namespace coord::replica
