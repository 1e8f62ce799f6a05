#include "service/barrier_state.hpp"

#include <algorithm>

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

std::pair<std::uint64_t, const Generation*> Barrier::current() const {
  if (generations.empty()) return {last, nullptr};
  return {generations.rbegin()->first, &generations.rbegin()->second};
}

}  // namespace coord::service
