// SPDX-License-Identifier: MIT
// dpeers backup FILE: all that the group holds, as this host's log has it, in one file.
#pragma once

#include <string>

#include "base/result.hpp"
#include "cli/connect.hpp"
#include "cli/exit_status.hpp"

namespace coord::dpeers {

struct BackupSettings {
  cli::ConnectOptions peer;
  std::string state_dir;  // empty: as the configuration has it
  std::string file;
  bool quiet = false;
};

// The peer may run or not. Only its own user and root can read what is in its directory. FILE is replaced
// once the new one is whole and durable; mode 0600.
Result<cli::Exit> back_up(const BackupSettings& settings);

}  // namespace coord::dpeers
