// SPDX-License-Identifier: MIT
// A configuration-sized file in one read.
#pragma once

#include <string>

#include "base/result.hpp"

namespace coord::ntpprobe {

// At most 1 MiB: key files and daemon configurations are far smaller, and /dev/zero
// has no end. ErrorKind::data.
Result<std::string> read_small_file(const std::string& name);

}  // namespace coord::ntpprobe
