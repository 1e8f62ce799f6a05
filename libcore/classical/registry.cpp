// SPDX-License-Identifier: MIT
#include "classical/registry.hpp"

#include <algorithm>

#include "base/format.hpp"

namespace coord::classical {

const std::vector<Algorithm>& all() {
  static const std::vector<Algorithm> algorithms = [] {
    std::vector<Algorithm> made;
    for (const auto family :
         {mutual_exclusion, leader_election, agreement, byzantine_agreement, atomic_commit, broadcasts,
          deadlock_detection, failure_detection, global_states, overlays, replication}) {
      for (Algorithm& algorithm : family()) made.push_back(std::move(algorithm));
    }
    return made;
  }();
  return algorithms;
}

const Algorithm* find(std::string_view name) {
  const auto found = std::ranges::find_if(
      all(), [name](const Algorithm& algorithm) { return algorithm.identity.name == name; });
  return found == all().end() ? nullptr : &*found;
}

Result<std::unique_ptr<Instance>> make(std::string_view name, const Setup& setup) {
  if (const Algorithm* found = find(name)) return found->make(setup);
  std::string names;
  for (const Algorithm& algorithm : all())
    names += (names.empty() ? "" : ", ") + std::string(algorithm.identity.name);
  return Error{ErrorKind::usage, std::string(name), "no algorithm has this name",
               fmt::format("there are {}", names)};
}

}  // namespace coord::classical
