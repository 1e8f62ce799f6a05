// SPDX-License-Identifier: MIT
// What a host that asks is told of the group, and whether it may come (joining.hpp is the other side).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "net/roster.hpp"
#include "service/state_machine.hpp"
#include "wire/introduction.hpp"

namespace coord::daemon {

// Who answers.
struct Introducer {
  std::string name;
  std::uint64_t life = 0;
  std::string group;  // its id; empty: not known
  bool has_begun = false;
  bool has_leader = false;  // who does not see one may be cut off, and speaks for nobody
  const net::Roster& roster;
  const service::StateMachine& machine;
  std::vector<NodeId> founders{};  // the numbers of all
  // Whoever votes no longer may be out by a change that is not committed.
  std::function<bool(NodeId)> is_out = [](NodeId) { return false; };
  std::function<bool(NodeId)> seems_alive = [](NodeId) { return true; };
  // Its log counts for the group, or will: its name is not free.
  std::function<bool(NodeId)> learns = [](NodeId) { return false; };
};

struct Introduced {
  wire::Introduction answer;
  std::optional<service::Register>
      admit{};       // to be put into the log: until it is applied the host asks again
  NodeId removes{};  // the number by which its lost disk votes; 0: none
};

// `source`: the address that the question came from.
Introduced introduce(const Introducer& who, const wire::IntroductionQuestion& question,
                     const std::string& source);

}  // namespace coord::daemon
