// SPDX-License-Identifier: MIT
// The bytes of the replicated commands (the log's content) and of a state of level 1.
#include "service/commands.hpp"
#include "service/level.hpp"
#include "service/state.hpp"
#include "wire/archive.hpp"

COORD_WIRE_TYPE(coord::service::Command)
COORD_WIRE_TYPE(coord::service::State)
COORD_WIRE_TYPE(coord::service::Raise)
