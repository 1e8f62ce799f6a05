// SPDX-License-Identifier: MIT
// The real disk: the files of one directory, through a descriptor of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/descriptor.hpp"
#include "base/disk.hpp"

namespace coord::store {

// A file that somebody else has opened; `name` is for messages. Closes it in the end.
std::unique_ptr<DiskFile> posix_file(std::string name, Descriptor file);

class PosixDisk final : public Disk {
 public:
  // The directory is made, mode 0700, if its parent exists and it does not. It must belong to the caller (or,
  // for root, to anyone) and nobody else may write to it; a symbolic link in its place is refused.
  static Result<std::unique_ptr<PosixDisk>> open_directory(const std::string& path);

  Result<std::vector<std::string>> list() override;
  Result<std::unique_ptr<DiskFile>> open(const std::string& name) override;
  Result<std::unique_ptr<DiskFile>> create(const std::string& name) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& name) override;
  Status sync_directory() override;
  Result<std::uint64_t> free_bytes() override;  // to this user; any thread may ask

  const std::string& path() const { return path_; }
  int descriptor() const { return directory_.get(); }

 private:
  PosixDisk(std::string path, Descriptor directory)
      : path_(std::move(path)), directory_(std::move(directory)) {}

  std::string path_;
  Descriptor directory_;
};

}  // namespace coord::store
