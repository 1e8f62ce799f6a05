// SPDX-License-Identifier: MIT
// coordd --new-epoch: the log of an engine that was restored from a backup begins a new era. coordd --first:
// the log that is there is the right one, for gateways that have not seen it before.
#pragma once

#include "cli/exit_status.hpp"
#include "coordd/arguments.hpp"

namespace coord::coordd {

// Told how it goes on standard error; over when the log grants again.
Result<cli::Exit> begin_new_epoch(const Arguments& arguments);
Result<cli::Exit> confirm_log(const Arguments& arguments);

}  // namespace coord::coordd
