// SPDX-License-Identifier: MIT
// Measuring again and again: on a terminal a live table and a plot, else a line (or JSON, CSV) each time.
#pragma once

#include "cli/exit_status.hpp"
#include "ntpprobe/settings.hpp"

namespace coord::ntpprobe {

// Until SIGINT, SIGTERM or SIGHUP. done: the last round had an offset.
Result<cli::Exit> watch(const Settings& settings);

}  // namespace coord::ntpprobe
