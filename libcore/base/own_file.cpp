// SPDX-License-Identifier: MIT
#include "base/own_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "base/format.hpp"

namespace coord {
namespace {

Error unusable(const std::string& path, std::string what, std::string remedy) {
  return {ErrorKind::unavailable, path, std::move(what), std::move(remedy)};
}

Error failed(const std::string& path, const char* call) {
  return unusable(path, fmt::format("{}: {}", call, std::strerror(errno)), "check the directory");
}

// Two lines: pid, path of the socket. Anything else is nobody known: pid 0.
DirectoryHolder read_holder(int fd) {
  std::array<char, 512> text{};
  const ssize_t count = ::pread(fd, text.data(), text.size(), 0);
  const std::string_view said(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  DirectoryHolder holder;
  const auto [stop, error] = std::from_chars(said.data(), said.data() + said.size(), holder.pid);
  std::string_view rest = said.substr(static_cast<std::size_t>(stop - said.data()));
  if (error != std::errc{} || holder.pid <= 0 || !rest.starts_with('\n')) return {};
  rest.remove_prefix(1);
  if (const std::size_t end = rest.find('\n'); end != std::string_view::npos)
    holder.socket = rest.substr(0, end);
  return holder;
}

const char* remedy_for(int error, bool makes_it) {
  if (error == ENOSPC || error == EDQUOT) return "make room on its file system";
  if (error == ENOENT) return makes_it ? "make its directory" : "name a file that is there";
  return makes_it ? "make the directory writable" : "look at its owner and mode";
}

}  // namespace

Result<Descriptor> open_own_file(const std::string& path, int flags) {
  // O_NONBLOCK: a FIFO in its place must not hang us. Of a regular file it means nothing.
  Descriptor file(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600));
  struct stat status {};
  if (!file.is_open() && errno == ELOOP) return unusable(path, "it is a symbolic link", "remove it");
  if (!file.is_open()) {
    if (errno == EMFILE || errno == ENFILE)
      return unusable(path, std::strerror(errno), "raise the limit (ulimit -n)");
    const int error = errno;
    const bool anothers =
        ::lstat(path.c_str(), &status) == 0 && status.st_uid != ::geteuid() && status.st_uid != 0;
    errno = error;
    return unusable(path, std::string("cannot be opened: ") + std::strerror(error),
                    anothers ? "another user has made it: remove it, or name another path"
                             : remedy_for(error, (flags & O_CREAT) != 0));
  }
  if (::fstat(file.get(), &status) != 0) return failed(path, "stat");
  if (!S_ISREG(status.st_mode)) return unusable(path, "it is no regular file", "remove it");
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    return unusable(path, fmt::format("it belongs to another user (uid {})", status.st_uid),
                    "remove it, or name another path");
  return file;
}

Status lock_within(const Descriptor& file, const std::string& path, Duration patience) {
  constexpr Duration pause = std::chrono::milliseconds(5);
  for (Duration waited{};; waited += pause) {
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return done();
    if (errno != EWOULDBLOCK && errno != EINTR)
      return unusable(path, std::string("cannot be locked: ") + std::strerror(errno), "");
    if (waited >= patience)
      return unusable(path, "another process keeps it locked", "end that process: lsof names it");
    const timespec time{0, pause.count()};
    ::nanosleep(&time, nullptr);
  }
}

Result<std::optional<DirectoryHolder>> directory_holder(const std::string& directory) {
  const std::string path = fmt::format("{}/{}", directory, directory_lock_name);
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.is_open()) {
    if (errno == ENOENT) return std::optional<DirectoryHolder>();
    return failed(path, "open");
  }
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  if (::fcntl(fd.get(), F_OFD_GETLK, &range) != 0) return failed(path, "lock");
  if (range.l_type == F_UNLCK) return std::optional<DirectoryHolder>();
  return std::optional<DirectoryHolder>(read_holder(fd.get()));
}

}  // namespace coord
