// SPDX-License-Identifier: MIT
// CLI11 behind the table of options: for all tools but those that are to start as fast as flock and be small
// (docs/decisions/cli11-and-fmt.md). A main says so in its last line:
//
//   return cli::run(argc, argv, options, cli::read_by_app);
#pragma once

#include "cli/options_read.hpp"

namespace coord::cli {

OptionReader read_by_app;

}  // namespace coord::cli
