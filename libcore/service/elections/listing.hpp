// SPDX-License-Identifier: MIT
// Who leads and who would lead next, as listings show it.
#pragma once

#include <string>
#include <vector>

#include "service/elections/state.hpp"

namespace coord::service {

// The candidates that wait, in the order in which they would lead.
std::vector<const Candidate*> in_order(const Leadership& leadership);

// All names that are led, stood for, enrolled for or remembered, sorted.
std::vector<std::string> election_names(const ElectionState& state);

}  // namespace coord::service
