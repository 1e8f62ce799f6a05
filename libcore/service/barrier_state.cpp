#include "service/barrier_state.hpp"

#include <algorithm>
#include <iterator>

namespace coord::service {

bool Generation::over() const {
  if (stage == GenerationStage::gathering) return false;
  return stage == GenerationStage::broken ||
         std::ranges::none_of(arrivals, [](const auto& arrival) { return arrival.second.running(); });
}

std::vector<std::string> Generation::missing() const {
  std::vector<std::string> names;
  for (const std::string& id : terms.expect) {
    if (!arrivals.contains(id)) names.push_back(id);
  }
  return names;
}

const Generation* Barrier::gathering() const {
  const auto found = generations.find(last + 1);
  return found == generations.end() ? nullptr : &found->second;
}

bool Barrier::keeps_all(std::uint64_t from, std::uint64_t to) const {
  if (from > to) return true;
  const auto kept = std::distance(generations.lower_bound(from), generations.upper_bound(to));
  return static_cast<std::uint64_t>(kept) == to - from + 1;
}

std::uint64_t BarrierState::last_of(const std::string& name) const {
  const auto found = barriers.find(name);
  return found == barriers.end() ? forgotten : found->second.last;
}

std::pair<std::uint64_t, const Generation*> Barrier::current() const {
  if (generations.empty()) return {last, nullptr};
  return {generations.rbegin()->first, &generations.rbegin()->second};
}

}  // namespace coord::service
