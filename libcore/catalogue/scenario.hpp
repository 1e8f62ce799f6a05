// SPDX-License-Identifier: MIT
// Stories: runs set up to show one thing, each with its drawing and what a reader should take from it. All of
// it is computed from the run; nothing is written down beforehand.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "catalogue/protocol.hpp"

namespace coord::catalogue {

enum class Drawing : std::uint8_t { gantt, space_time, tree };

struct Story {
  std::size_t nodes = 0;
  std::vector<Span> spans;
  std::map<NodeId, NodeId> parents;
  sim::Trace trace;
  std::vector<std::string> facts;  // lines, figures measured
};

struct Scenario {
  std::string name;
  std::string summary;  // one line
  Drawing drawing = Drawing::space_time;
  std::function<Story()> play;
};

const std::vector<Scenario>& scenarios();
const Scenario* find_scenario(std::string_view name);  // nullptr: none

// A run of the protocol as a story, its facts still to be written. COORD_CHECKs that nothing was violated.
Story story_of(const char* protocol, Setup setup, Report& report);

// ---- the families of stories; a new one is a function here and a line in scenario.cpp
std::vector<Scenario> mutex_scenarios();
std::vector<Scenario> redlock_scenarios();
std::vector<Scenario> agreement_scenarios();
std::vector<Scenario> raft_scenarios();
std::vector<Scenario> snapshot_scenarios();
std::vector<Scenario> overlay_scenarios();
std::vector<Scenario> primary_backup_scenarios();

}  // namespace coord::catalogue
