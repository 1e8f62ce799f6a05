// SPDX-License-Identifier: MIT
// One authority a state directory: its lock file is held for life by the peer that uses it.
//
// The lock is one of the open file description (fcntl F_OFD_SETLK): the kernel drops it with the process,
// however it ends, so there is no stale lock to remove; and, unlike with flock(2), who holds it can be asked
// without taking it for a moment, at which a peer that is starting would find it taken. The file stays, and
// says who held it and on which socket it listens; what it says counts only while it is held.
#pragma once

#include <optional>
#include <string>

#include "base/own_file.hpp"
#include "base/result.hpp"
#include "store/posix_disk.hpp"

namespace coord::store {

inline constexpr const char* lock_name = directory_lock_name;
using Holder = DirectoryHolder;

class DirectoryLock {
 public:
  // An error names the pid of the peer that holds it. Does not wait.
  static Result<DirectoryLock> take(const PosixDisk& disk);

  // Who holds the lock of this directory now; nobody: nothing. Takes nothing and changes nothing.
  static Result<std::optional<Holder>> holder(const std::string& directory) {
    return directory_holder(directory);
  }

  // Writes the socket's path beside our pid, for the tools.
  Status announce(const std::string& socket);

 private:
  DirectoryLock(std::string path, Descriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  Descriptor fd_;
};

}  // namespace coord::store
