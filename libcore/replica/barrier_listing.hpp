// SPDX-License-Identifier: MIT
// A generation of a barrier as tools see it.
#pragma once

#include <cstdint>
#include <string>

#include "service/state_machine.hpp"
#include "wire/local.hpp"

namespace coord::replica {

local::BarrierRecord record_of(const std::string& name, std::uint64_t number,
                               const service::Generation& from);

// Null: it is over, and forgotten.
const service::Generation* generation_of(const service::StateMachine& machine, const std::string& name,
                                         std::uint64_t number);

}  // namespace coord::replica
