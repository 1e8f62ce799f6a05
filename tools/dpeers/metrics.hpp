// SPDX-License-Identifier: MIT
// dpeers --openmetrics: what this host's peer counts, as text for a monitoring system.
#pragma once

#include <string>

#include "base/result.hpp"
#include "cli/connect.hpp"

namespace coord::dpeers {

// Starts no peer.
Result<std::string> metrics(const cli::ConnectOptions& options);

}  // namespace coord::dpeers
