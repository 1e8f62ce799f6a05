// SPDX-License-Identifier: MIT
// Small files that are read and replaced as a whole.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/disk.hpp"
#include "base/result.hpp"

namespace coord {

Result<bool> has_file(Disk& disk, const std::string& name);
// Nothing: there is no such file.
Result<std::optional<std::string>> read_small_file(Disk& disk, const std::string& name, std::size_t longest);
// Durable, and never half there: in a new file each time, of that name until it is whole, so that a write
// that failed may be made again.
Status replace_small_file(Disk& disk, const std::string& name, ByteView content,
                          const std::string& temporary);
inline Status replace_small_file(Disk& disk, const std::string& name, std::string_view text) {
  return replace_small_file(disk, name, bytes_of(text), name + ".tmp");
}

}  // namespace coord
