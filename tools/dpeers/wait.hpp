// SPDX-License-Identifier: MIT
// dpeers wait: until so many peers are in a state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/connect.hpp"
#include "cli/exit_status.hpp"

namespace coord::dpeers {

struct WaitSettings {
  cli::ConnectOptions peer;
  bool quiet = false;
  std::uint64_t count = 0;
  std::string state;
  std::optional<Duration> within;  // none: as long as it takes
};

// Across restarts of this host's peer. When the time is over: no, or with nobody leading an Error.
Result<cli::Exit> wait_for_peers(const WaitSettings& settings);

}  // namespace coord::dpeers
