// SPDX-License-Identifier: MIT
#include "store/directory_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/format.hpp"

namespace coord::store {
namespace {

Error lock_failed(const std::string& path, const char* call) {
  return {ErrorKind::unavailable, path, fmt::format("{}: {}", call, std::generic_category().message(errno)),
          errno == ENOSPC || errno == EDQUOT ? "make room on its file system" : "check the state directory"};
}

struct flock whole_file() {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  return range;
}

Status write_holder(int fd, const std::string& path, const std::string& text) {
  if (::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return lock_failed(path, "write");
  return ::ftruncate(fd, static_cast<off_t>(text.size())) == 0 ? done()
                                                               : Status(lock_failed(path, "truncate"));
}

Error held_by(const std::string& path, const Holder& holder) {
  const std::string who = holder.pid > 0 ? fmt::format("process {}", holder.pid) : "another process";
  return {ErrorKind::unavailable, path, fmt::format("the state directory is in use by {}", who),
          "stop that peer, or give this one a state directory of its own"};
}

}  // namespace

Result<DirectoryLock> DirectoryLock::take(const PosixDisk& disk) {
  const std::string path = fmt::format("{}/{}", disk.path(), lock_name);
  Descriptor fd(
      ::openat(disk.descriptor(), lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!fd.is_open()) return lock_failed(path, "open");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return lock_failed(path, "stat");
  if (!S_ISREG(status.st_mode)) return Error{ErrorKind::unavailable, path, "not a regular file", "remove it"};
  struct flock range = whole_file();
  if (::fcntl(fd.get(), F_OFD_SETLK, &range) != 0) {
    if (errno != EAGAIN && errno != EACCES) return lock_failed(path, "lock");
    const auto holder = directory_holder(disk.path());
    return held_by(path, holder && *holder ? **holder : Holder{});
  }
  DirectoryLock lock(path, std::move(fd));
  if (Status written = lock.announce(""); !written.ok()) return written.error();
  return lock;
}

Status DirectoryLock::announce(const std::string& socket) {
  return write_holder(fd_.get(), path_, fmt::format("{}\n{}\n", ::getpid(), socket));
}

}  // namespace coord::store
