// SPDX-License-Identifier: MIT
// The bytes of Raft's messages, log entries and hard state.
#include "protocol/raft/messages.hpp"
#include "wire/archive.hpp"
#include "wire/raft_enums.hpp"

COORD_WIRE_TYPE(coord::raft::Message)
COORD_WIRE_TYPE(coord::raft::Entry)
COORD_WIRE_TYPE(coord::raft::HardState)
