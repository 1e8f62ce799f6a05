// SPDX-License-Identifier: MIT
// What a peer alone has that matters when a group is to take its place: for people to read.
#pragma once

#include <cstddef>

#include "service/state_machine.hpp"
#include "service/words.hpp"

namespace coord::service {

// Holds, leaderships and commands of barriers: these must end first.
Counted holding(const StateMachine& machine, std::size_t most);

// What a group does not take over: slots done, rates, delays, enrolments.
Counted staying(const StateMachine& machine, std::size_t most);

}  // namespace coord::service
