// SPDX-License-Identifier: MIT
#include "spill_file.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/format.hpp"

namespace coord::dsnapshot {

namespace {

constexpr std::size_t segment_bytes = std::size_t{1} << 20U;
constexpr std::size_t most_segments = 256;

Descriptor unnamed_file_in(const char* directory) {
  Descriptor file(::open(directory, O_RDWR | O_TMPFILE | O_CLOEXEC | O_EXCL, 0600));
  if (file.is_open()) return file;
  std::string name = fmt::format("{}/dsnapshot.XXXXXX", directory);  // a file system without O_TMPFILE
  file = Descriptor(::mkostemp(name.data(), O_CLOEXEC));
  if (file.is_open()) ::unlink(name.c_str());
  return file;
}

}  // namespace

bool SpillFile::open() {
  if (std::exchange(has_tried_, true)) return file_.is_open();
  const char* const chosen = ::getenv("TMPDIR");
  for (const char* directory : {chosen, "/var/tmp", "/tmp"}) {
    if (directory == nullptr || *directory == '\0') continue;
    file_ = unnamed_file_in(directory);
    if (file_.is_open()) return true;
  }
  return false;
}

bool SpillFile::find_room(std::size_t size) {
  if (size > segment_bytes) return false;
  if (!live_.empty() && live_[segment_] == 0) filled_ = 0;
  if (!live_.empty() && filled_ + size <= segment_bytes) return true;
  const auto free = std::ranges::find(live_, std::uint64_t{0});
  if (free == live_.end()) {
    if (live_.size() >= most_segments) return false;
    live_.push_back(0);
    segment_ = live_.size() - 1;
  } else {
    segment_ = static_cast<std::size_t>(free - live_.begin());
  }
  filled_ = 0;
  return true;
}

std::optional<std::uint64_t> SpillFile::put(ByteView bytes) {
  if (bytes.empty() || !open() || !find_room(bytes.size())) return std::nullopt;
  const std::uint64_t at = segment_ * segment_bytes + filled_;
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n =
        ::pwrite(file_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(at + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    done += static_cast<std::size_t>(n);
  }
  filled_ += bytes.size();
  live_[segment_] += bytes.size();
  return at;
}

std::optional<Bytes> SpillFile::get(std::uint64_t at, std::size_t size) {
  Bytes bytes(size);
  for (std::size_t done = 0; done < size;) {
    const ssize_t n = ::pread(file_.get(), bytes.data() + done, size - done, static_cast<off_t>(at + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      is_broken_ = true;
      return std::nullopt;
    }
    done += static_cast<std::size_t>(n);
  }
  return bytes;
}

void SpillFile::forget(std::uint64_t at, std::size_t size) {
  live_[static_cast<std::size_t>(at / segment_bytes)] -= size;
}

}  // namespace coord::dsnapshot
