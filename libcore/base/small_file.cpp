// SPDX-License-Identifier: MIT
#include "base/small_file.hpp"

#include <algorithm>

namespace coord {

Result<bool> has_file(Disk& disk, const std::string& name) {
  const auto names = disk.list();
  if (!names) return names.error();
  return std::ranges::find(*names, name) != names->end();
}

Result<std::optional<std::string>> read_small_file(Disk& disk, const std::string& name, std::size_t longest) {
  const auto is_there = has_file(disk, name);
  if (!is_there) return is_there.error();
  if (!*is_there) return std::optional<std::string>{};
  auto file = disk.open(name);
  if (!file) return file.error();
  const auto bytes = (*file)->read(0, longest);
  if (!bytes) return bytes.error();
  return std::optional(std::string(bytes->begin(), bytes->end()));
}

Status replace_small_file(Disk& disk, const std::string& name, ByteView content,
                          const std::string& temporary) {
  const auto is_left_over = has_file(disk, temporary);
  if (!is_left_over) return is_left_over.error();
  if (*is_left_over) {
    if (Status removed = disk.remove(temporary); !removed) return removed;
  }
  auto file = disk.create(temporary);
  if (!file) return file.error();
  if (Status written = (*file)->write(0, content); !written) return written;
  if (Status synced = (*file)->sync(); !synced) return synced;
  if (Status renamed = disk.rename(temporary, name); !renamed) return renamed;
  return disk.sync_directory();
}

}  // namespace coord
