// SPDX-License-Identifier: MIT
// What a host that asks is told of the group, and whether it may come (joining.hpp is the other side).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

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
};

struct Introduced {
  wire::Introduction answer;
  std::optional<service::Register>
      admit{};  // to be put into the log: until it is applied the host asks again
};

// `source`: the address that the question came from.
Introduced introduce(const Introducer& who, const wire::IntroductionQuestion& question,
                     const std::string& source);

}  // namespace coord::daemon
