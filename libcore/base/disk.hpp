// SPDX-License-Identifier: MIT
// The seam between the log and the machine: the few file operations that store/ needs, each of which may
// fail. store/posix_disk does them for real; sim/disk does them in memory and loses, tears and damages what
// was not synced.
//
// Paths are relative to one directory, flat (no '/'). Calls block; store/ makes them on a thread of its own
// under coordd. An error of write() or sync() means the content since the last successful sync is unknown:
// never retry, stop the peer. The one exception is is_for_want_of_room().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace coord {

class DiskFile {
 public:
  virtual ~DiskFile() = default;
  virtual Status write(std::uint64_t offset, ByteView data) = 0;  // all of it, or an error
  virtual Result<Bytes> read(std::uint64_t offset,
                             std::size_t size) = 0;  // shorter only at the end of the file
  virtual Status sync() = 0;                         // fdatasync
  virtual Result<std::uint64_t> size() = 0;
  virtual Status truncate(std::uint64_t size) = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;
  virtual Result<std::vector<std::string>> list() = 0;                            // sorted names
  virtual Result<std::unique_ptr<DiskFile>> open(const std::string& name) = 0;    // must exist
  virtual Result<std::unique_ptr<DiskFile>> create(const std::string& name) = 0;  // mode 0600; must not exist
  virtual Status rename(const std::string& from, const std::string& to) = 0;      // replaces `to`
  virtual Status remove(const std::string& name) = 0;
  virtual Status sync_directory() = 0;  // makes create, rename and remove durable
  virtual Result<std::uint64_t> free_bytes() = 0;
};

// The call found no space, or no descriptor: of its data it has written some or none and nothing else is in
// doubt, so the very same call may be made again when there is room. Never of a sync(): the kernel may have
// dropped what it could not write.
inline bool is_for_want_of_room(const Error& error) {
  return error.kind == ErrorKind::output;
}

}  // namespace coord
