// SPDX-License-Identifier: MIT
// Which group a log is of (service/group_id.hpp), before any of it is applied: after a start that waits until
// somebody leads, and a voter that was away may not meet that one without saying which group it is of.
#pragma once

#include <optional>
#include <vector>

#include "protocol/raft/events.hpp"
#include "service/group_id.hpp"

namespace coord::replica {

// By the raise to level 2. Nothing: it is not among these entries, or may be void.
std::optional<service::GroupId> group_in(const std::vector<raft::Entry>& entries);

}  // namespace coord::replica
