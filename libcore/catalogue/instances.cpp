// SPDX-License-Identifier: MIT
#include "catalogue/instances.hpp"

namespace coord::catalogue {

void DueTimes::set(Instance instance, std::optional<Instant> when) {
  const auto known = at_.find(instance);
  if (known != at_.end()) {
    if (when == known->second) return;
    by_time_.erase({known->second, instance});
    at_.erase(known);
  }
  if (!when) return;
  at_[instance] = *when;
  by_time_.emplace(*when, instance);
}

std::optional<Instant> DueTimes::first() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first;
}

std::vector<Instance> DueTimes::until(Instant now) const {
  std::vector<Instance> instances;
  for (const auto& [time, instance] : by_time_) {
    if (time > now) break;
    instances.push_back(instance);
  }
  return instances;
}

void InstanceUsers::begin(Book& book, Instant now, OperationId operation, Place place) {
  book.begin(operation, now);
  waiting_[place].push_back(operation);
}

void InstanceUsers::settle(Book& book, Instant now, Place place, std::uint64_t result) {
  const auto found = waiting_.find(place);
  if (found == waiting_.end()) return;
  const auto operations = std::exchange(found->second, {});
  waiting_.erase(found);
  for (const OperationId operation : operations) {
    book.answer(operation, now, result);
    book.end(operation, now);
  }
}

void InstanceUsers::crashed(NodeId node) {
  std::erase_if(waiting_, [&](const auto& place) { return place.first.first == node; });
}

}  // namespace coord::catalogue
