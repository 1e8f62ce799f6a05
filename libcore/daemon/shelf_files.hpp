// SPDX-License-Identifier: MIT
// Snapshots that are kept for users: a file each in one directory, bounded by count and bytes.
//
// A file is written under another name, synced and renamed, so that a crash leaves it whole or not at all.
// Who waits for it need not wait for the disk: once it is written, a peer that is killed finds it under that
// name at its next start, and takes it up if it is whole. When a user has too many, his oldest go; when all
// have, the oldest of all. A file that is no snapshot is passed over.
//
// Threading: blocks on the disk; one thread at a time.
#pragma once

#include <cstdint>
#include <map>
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

  // Makes the directory, takes up what a crash has left whole and removes what it has left half written.
  Status open();
  // What is written, and not placed yet: list() and fetch() do not know it.
  struct Written {
    std::uint32_t uid = 0;
    std::string name, id;
    std::uint64_t bytes = 0;
  };
  // An Error (data): the text is no snapshot.
  Result<Written> write(std::uint32_t uid, const std::string& text);
  // On the disk, for good. One of the same user and id goes.
  Status place(const Written& written);
  // Both.
  Status keep(std::uint32_t uid, const std::string& text);
  // As `uid` may see them (root: all), the oldest first.
  std::vector<local::KeptEntry> list(std::uint32_t uid, const std::string& group) const;
  std::optional<std::string> fetch(std::uint32_t uid, const std::string& id) const;

 private:
  struct File {
    std::string name;
    local::KeptEntry entry;
  };
  // What a file's first line said, as long as it is the same file.
  struct Known {
    std::uint64_t inode = 0;
    std::int64_t changed_s = 0, changed_ns = 0;
    local::KeptEntry entry;
  };
  std::vector<File> files() const;
  void make_room(std::uint32_t uid, std::uint64_t bytes);
  std::string path(const std::string& name) const { return directory_ + "/" + name; }

  const std::string directory_;
  const ShelfLimits limits_;
  mutable std::map<std::string, Known> known_;
};

}  // namespace coord::daemon
