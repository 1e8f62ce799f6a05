// SPDX-License-Identifier: MIT
// Small files of text in the state directory that are read and replaced as a whole.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/disk.hpp"
#include "base/result.hpp"

namespace coord::daemon {

// Nothing: there is no such file.
Result<std::optional<std::string>> read_small_file(Disk& disk, const std::string& name, std::size_t longest);
// Durable, and never half there: in a new file each time, so that a write that failed may be made again.
Status replace_small_file(Disk& disk, const std::string& name, const std::string& text);

}  // namespace coord::daemon
