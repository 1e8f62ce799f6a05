// SPDX-License-Identifier: MIT
// The clock of one host in a file that its shells share.
//
// Problem: ten shells and a pipeline on one host are one process to the logical clock: no two of their events
// may get the same stamp, whoever is killed when. So the file is locked from before it is read until after it
// has been replaced (and until the event's line is in its log, where that is a file, so that lines come in
// order). A new state is written beside it and renamed over it: a reader sees the old state or the new one,
// never a part. The lock is on the file itself and the new file is locked before it takes the name; whoever
// got the lock of a file that no longer has the name starts over.
//
// An event that was counted but not yet logged when its shell was killed leaves a gap, never a duplicate.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "clock/logical_clock.hpp"

namespace coord::dclock {

// A descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// What a user says about the clock; what is not said is taken from the file, or for a
// new file from the defaults.
struct ClockChoice {
  std::optional<std::string> file, host;
  std::optional<clock::ClockKind> kind;
  bool hybrid = false;  // keep a hybrid clock beside it
  bool sync = false;    // survive a power failure too: fsync at every save
};

class ClockFile {
 public:
  // Waits for the lock and reads the clock; an absent or empty file is a new clock. Errors: a file that is
  // not a clock (data), one of another host or kind (usage), one that cannot be opened (output).
  static Result<ClockFile> lock(const ClockChoice& choice);

  clock::LogicalClock& clock() { return *clock_; }
  Status save();  // keeps the lock, which ends with this object

 private:
  ClockFile() = default;
  Status lock_path();
  Status load(const ClockChoice& choice);

  std::string path_;
  Descriptor file_;
  std::optional<clock::LogicalClock> clock_;
  bool sync_ = false;
};

// One write of `line` and a newline to the end of `path`, which is created if need be.
Status append_line(const std::string& path, std::string_view line);
// All of `bytes`; `object` names the file in the Error (output).
Status write_all(int fd, std::string_view bytes, const std::string& object);

}  // namespace coord::dclock
