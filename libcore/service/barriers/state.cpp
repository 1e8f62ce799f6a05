// SPDX-License-Identifier: MIT
#include "service/barriers/state.hpp"

#include <algorithm>
#include <iterator>

#include "service/session.hpp"

namespace coord::service {

bool Generation::over() const {
  if (stage == GenerationStage::gathering) return false;
  return stage == GenerationStage::broken ||
         std::ranges::none_of(arrivals, [](const auto& arrival) { return arrival.second.running(); });
}

namespace {

// What one takes in memory, about. Limits decide by it, so it is a constant of the level and no sizeof.
constexpr std::size_t arrival_bytes = 80;
constexpr std::size_t generation_bytes = 144;

}  // namespace

std::size_t bytes_of(const std::string& id, const Arrival& arrival) {
  return arrival_bytes + id.size() + arrival.host.size() + arrival.user.size();
}

std::size_t bytes_of(const Generation& generation) {
  std::size_t bytes = generation_bytes + bytes_of_names(generation.terms.expect) + generation.why.size();
  for (const auto& [id, arrival] : generation.arrivals) bytes += bytes_of(id, arrival);
  return bytes;
}

std::size_t bytes_of(const std::string& name, const Barrier& barrier) {
  std::size_t bytes = name.size();
  for (const auto& [number, generation] : barrier.generations) bytes += bytes_of(generation);
  return bytes;
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

const Generation* Barrier::failure() const {
  const auto latest = generations.find(last);
  if (latest == generations.end()) return nullptr;
  return latest->second.failed() && latest->second.late_open ? &latest->second : nullptr;
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

std::uint64_t BarrierState::earliest_of(const std::string& name) const {
  const std::uint64_t last = last_of(name);
  const auto barrier = barriers.find(name);
  if (barrier == barriers.end()) return last + 1;
  const auto latest = barrier->second.generations.find(last);
  const bool open = latest != barrier->second.generations.end() && latest->second.late_open;
  return open ? last : last + 1;
}

std::pair<std::uint64_t, const Generation*> Barrier::current() const {
  if (generations.empty()) return {last, nullptr};
  return {generations.rbegin()->first, &generations.rbegin()->second};
}

}  // namespace coord::service
