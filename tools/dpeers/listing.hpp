// SPDX-License-Identifier: MIT
// dpeers without a verb: the peers as this host's peer sees them, once, live, or as events.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/connect.hpp"
#include "cli/exit_status.hpp"
#include "cli/live.hpp"
#include "engine/local_connection.hpp"
#include "wire/local.hpp"

namespace coord::dpeers {

struct ListSettings {
  cli::ConnectOptions peer;
  bool json = false, quiet = false;
  cli::Live live;
};

Result<cli::Exit> list_peers(const ListSettings& settings);
Result<cli::Exit> watch_peers(const ListSettings& settings);  // watch.cpp

}  // namespace coord::dpeers
