// SPDX-License-Identifier: MIT
// Election of a leader by the nodes themselves; leases are in mutual_exclusion.hpp.
#pragma once

#include <array>
#include <string>

#include "classical/traits.hpp"
#include "protocol/election/bully.hpp"

namespace coord::classical {

struct Bully {
  using Core = election::Bully;
  static constexpr Identity identity{"bully", "leader election",
                                     "the highest that lives leads (Garcia-Molina 1982)", 2};
  static constexpr std::array options{
      duration_option("answer_ms", 0, 1000, "longer than any message and its answer take: silence is death"),
      node_option("leader", "the known leader; 0: none, hold an election")};
  static constexpr std::array<std::string_view, 3> types = {"election", "answer", "coordinator"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    return Core({setup.group.self, setup.group.nodes, given.duration("answer_ms"), given.node("leader")});
  }
  static std::string_view type_of(const Core::Message& message) {
    return types[static_cast<std::size_t>(message.what)];
  }
  static std::string describe(const Core::Message& message) { return std::string(type_of(message)); }
  static Core::Event event(const Suspect&) { return Core::Suspect{}; }
  static std::optional<Told> told(const Core::Led& what) { return Led{what.leader}; }
  static std::string state(const Core& process) {
    if (process.leader().value == 0) return "knows no leader";
    return "follows " + std::to_string(process.leader().value);
  }
};

}  // namespace coord::classical
