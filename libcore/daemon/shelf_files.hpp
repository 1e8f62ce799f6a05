// SPDX-License-Identifier: MIT
// Snapshots that are kept for users: a file each in one directory, bounded by count and bytes.
//
// A file is written under another name, synced and renamed, so that a crash leaves it whole or not at all;
// what is left over of that is removed at the start. When a user has too many, his oldest go; when all have,
// the oldest of all. A file that is no snapshot is passed over.
//
// Threading: blocks on the disk; one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "wire/kept_snapshots.hpp"

namespace coord::daemon {

struct ShelfLimits {
  std::size_t of_user = 64, of_all = 256;  // snapshots
  std::uint64_t bytes_of_user = std::uint64_t{128} << 20U;
  std::uint64_t bytes_of_all = std::uint64_t{512} << 20U;
};

class ShelfFiles {
 public:
  explicit ShelfFiles(std::string directory, ShelfLimits limits = {})
      : directory_(std::move(directory)), limits_(limits) {}

  // Makes the directory and removes what a crash has left half written.
  Status open();
  // An Error (data): the text is no snapshot. One of the same user and id takes the other's place.
  Status keep(std::uint32_t uid, const std::string& text);
  // As `uid` may see them (root: all), the oldest first.
  std::vector<local::KeptEntry> list(std::uint32_t uid, const std::string& group) const;
  std::optional<std::string> fetch(std::uint32_t uid, const std::string& id) const;

 private:
  struct File {
    std::string name;
    local::KeptEntry entry;
  };
  std::vector<File> files() const;
  void make_room(std::uint32_t uid, std::uint64_t bytes);
  std::string path(const std::string& name) const { return directory_ + "/" + name; }

  const std::string directory_;
  const ShelfLimits limits_;
};

}  // namespace coord::daemon
