#include "store/directory_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <system_error>

namespace coord::store {
namespace {

Error failed(const std::string& path, const char* call) {
  return {ErrorKind::unavailable, path, std::string(call) + ": " + std::generic_category().message(errno),
          "check the state directory"};
}

struct flock whole_file() {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  return range;
}

// Two lines: pid, path of the socket. Anything else is nobody known: pid 0.
Holder read_holder(int fd) {
  std::array<char, 512> text{};
  const ssize_t count = ::pread(fd, text.data(), text.size(), 0);
  const std::string_view said(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  Holder holder;
  const auto [stop, error] = std::from_chars(said.data(), said.data() + said.size(), holder.pid);
  std::string_view rest = said.substr(static_cast<std::size_t>(stop - said.data()));
  if (error != std::errc{} || holder.pid <= 0 || !rest.starts_with('\n')) return {};
  rest.remove_prefix(1);
  if (const std::size_t end = rest.find('\n'); end != std::string_view::npos)
    holder.socket = rest.substr(0, end);
  return holder;
}

Status write_holder(int fd, const std::string& path, const std::string& text) {
  if (::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return failed(path, "write");
  return ::ftruncate(fd, static_cast<off_t>(text.size())) == 0 ? done() : Status(failed(path, "truncate"));
}

Error held_by(const std::string& path, const Holder& holder) {
  const std::string who = holder.pid > 0 ? "process " + std::to_string(holder.pid) : "another process";
  return {ErrorKind::unavailable, path, "the state directory is in use by " + who,
          "stop that peer, or give this one a state directory of its own"};
}

}  // namespace

Result<DirectoryLock> DirectoryLock::take(const PosixDisk& disk) {
  const std::string path = disk.path() + "/" + lock_name;
  Descriptor fd(
      ::openat(disk.descriptor(), lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!fd.is_open()) return failed(path, "open");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return failed(path, "stat");
  if (!S_ISREG(status.st_mode)) return Error{ErrorKind::unavailable, path, "not a regular file", "remove it"};
  struct flock range = whole_file();
  if (::fcntl(fd.get(), F_OFD_SETLK, &range) != 0) {
    return errno == EAGAIN || errno == EACCES ? held_by(path, read_holder(fd.get())) : failed(path, "lock");
  }
  DirectoryLock lock(path, std::move(fd));
  if (Status written = lock.announce(""); !written.ok()) return written.error();
  return lock;
}

Result<std::optional<Holder>> DirectoryLock::holder(const std::string& directory) {
  const std::string path = directory + "/" + lock_name;
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.is_open()) {
    if (errno == ENOENT) return std::optional<Holder>();
    return failed(path, "open");
  }
  struct flock range = whole_file();
  if (::fcntl(fd.get(), F_OFD_GETLK, &range) != 0) return failed(path, "lock");
  if (range.l_type == F_UNLCK) return std::optional<Holder>();
  return std::optional<Holder>(read_holder(fd.get()));
}

Status DirectoryLock::announce(const std::string& socket) {
  return write_holder(fd_.get(), path_, std::to_string(::getpid()) + "\n" + socket + "\n");
}

}  // namespace coord::store
