// SPDX-License-Identifier: MIT
// From a server up to its reference clock, as far as the servers on the way answer.
#pragma once

#include "cli/exit_status.hpp"
#include "ntpprobe/settings.hpp"

namespace coord::ntpprobe {

Result<cli::Exit> follow_chain(const Settings& settings);

}  // namespace coord::ntpprobe
