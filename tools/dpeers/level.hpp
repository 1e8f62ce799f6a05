// SPDX-License-Identifier: MIT
// dpeers level: which formats and rules the group has agreed on, what it takes to agree on more, and the
// operator's word to do so now.
#pragma once

#include "base/result.hpp"
#include "cli/connect.hpp"
#include "cli/exit_status.hpp"

namespace coord::dpeers {

struct LevelSettings {
  cli::ConnectOptions peer;
  bool json = false, quiet = false;
  bool raise = false;
};

// Status 1: not every peer knows the next level. With `raise`: 69 if it was not raised.
Result<cli::Exit> level(const LevelSettings& settings);

}  // namespace coord::dpeers
