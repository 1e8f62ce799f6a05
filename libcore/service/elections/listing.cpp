// SPDX-License-Identifier: MIT
#include "service/elections/listing.hpp"

#include <algorithm>
#include <set>

#include "base/format.hpp"
#include "service/core.hpp"
#include "service/elections/elections.hpp"
#include "service/words.hpp"

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

void Elections::list_holding(Words& words) const {
  for (const auto& [name, leadership] : state().leaderships) {
    if (const Candidate* leader = leadership.leading())
      words.add("leadership", name, core_->session(leader->session));
  }
}

void Elections::list_staying(Words& words) const {
  for (const auto& [name, book] : state().books) {
    if (!book.remembers_slots()) continue;
    const std::size_t keys = book.slots.size() + (book.period.empty() ? 0 : 1);
    words.add(fmt::format("slots done of {}: {}", name, keys));
  }
  for (const auto& [name, leadership] : state().leaderships) {
    if (leadership.kept != Duration{})
      words.add(fmt::format("delay of leadership {}: {}", name, Words::seconds(leadership.kept)));
  }
  for (const auto& [name, nodes] : state().enrolled) words.add(fmt::format("enrolment of {}", name));
}

}  // namespace coord::service
