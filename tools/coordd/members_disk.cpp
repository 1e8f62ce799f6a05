// SPDX-License-Identifier: MIT
#include "coordd/members_disk.hpp"

#include <utility>

#include "store/posix_disk.hpp"

namespace coord::coordd {

Result<std::unique_ptr<Disk>> open_disk(const std::string& directory) {
  auto disk = store::PosixDisk::open_directory(directory);
  if (!disk) return disk.error();
  return std::unique_ptr<Disk>(std::move(*disk));
}

std::optional<members::Incarnation> stored_incarnation(const std::string& directory, const net::Log& log) {
  const auto disk = open_disk(directory);
  const auto stored = disk ? members::read_incarnation(**disk) : disk.error();
  if (stored) return *stored;
  log(net::LogLevel::warning, stored.error().text());
  return std::nullopt;
}

}  // namespace coord::coordd
