#include "service/elections/listing.hpp"

#include <algorithm>
#include <set>

namespace coord::service {

std::vector<const Candidate*> in_order(const Leadership& leadership) {
  std::vector<const Candidate*> result;
  for (const auto& [place, candidate] : leadership.candidates) {
    if (place != leadership.leader) result.push_back(&candidate);
  }
  std::ranges::stable_sort(
      result, [](const Candidate* a, const Candidate* b) { return a->wish.priority > b->wish.priority; });
  return result;
}

std::vector<std::string> election_names(const ElectionState& state) {
  std::set<std::string> names;
  for (const auto& [name, leadership] : state.leaderships) names.insert(name);
  for (const auto& [name, nodes] : state.enrolled) names.insert(name);
  for (const auto& [name, book] : state.books) names.insert(name);
  return {names.begin(), names.end()};
}

}  // namespace coord::service
