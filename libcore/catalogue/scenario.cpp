// SPDX-License-Identifier: MIT
#include "catalogue/scenario.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace coord::catalogue {

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> every = [] {
    std::vector<Scenario> all;
    for (auto&& family : {
             mutex_scenarios(),
             redlock_scenarios(),
             agreement_scenarios(),
             raft_scenarios(),
             snapshot_scenarios(),
             overlay_scenarios(),
             primary_backup_scenarios(),
         }) {
      for (const Scenario& scenario : family) all.push_back(scenario);
    }
    return all;
  }();
  return every;
}

const Scenario* find_scenario(std::string_view name) {
  const auto found = std::ranges::find(scenarios(), name, &Scenario::name);
  return found == scenarios().end() ? nullptr : &*found;
}

Story story_of(const char* protocol, Setup setup, Report& report) {
  const Protocol* what = find(protocol);
  COORD_CHECK(what != nullptr);
  Story story;
  story.nodes = setup.nodes;
  setup.trace = &story.trace;
  report = what->run(setup);
  story.spans = report.spans;
  story.parents = report.parents;
  return story;
}

}  // namespace coord::catalogue
