// SPDX-License-Identifier: MIT
#include "net/unix_path.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "base/own_file.hpp"

namespace coord::net {
namespace {

constexpr int backlog = 128;

Error failed(const std::string& path, const std::string& what, const std::string& remedy = "") {
  return {ErrorKind::unavailable, path, what, remedy};
}

Error failed_call(const std::string& path, const char* what) {
  return failed(path, fmt::format("{}: {}", what, std::strerror(errno)));
}

// Held while the path is looked at and taken, so that of two that start at once one sees the other's socket:
// each holds it for a moment only. Whoever keeps it longer is none of us.
Result<Descriptor> lock_beside(const std::string& path, Duration patience) {
  const std::string lock = fmt::format("{}.lock", path);
  auto fd = open_own_file(lock, O_RDWR | O_CREAT);
  if (!fd.ok()) return fd;
  if (Status locked = lock_within(*fd, lock, patience); !locked.ok()) return locked.error();
  return fd;
}

Descriptor new_socket() {
  return Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// Frees the path: nothing there, or a socket that nobody listens on.
Status clear_path(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return done();
    return failed_call(path, "cannot look at it");
  }
  if (!S_ISSOCK(info.st_mode))
    return failed(path, "it is there and is no socket", "name another path, or remove it");
  if (info.st_uid != ::geteuid())
    return failed(path, fmt::format("the socket there belongs to another user (uid {})", info.st_uid),
                  "name another path, or remove it");
  const Descriptor probe = new_socket();
  if (probe.get() < 0) return failed_call(path, "cannot make a socket");
  const int connected = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  // EAGAIN: someone listens but has a full queue. Anything but ECONNREFUSED (nobody
  // listens) may be a living peer.
  if (connected == 0 || errno == EAGAIN)
    return failed(path, "another peer answers there", "stop it, or name another path");
  if (errno == ENOENT) return done();
  if (errno != ECONNREFUSED) return failed_call(path, "cannot tell whether a peer answers there");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return failed_call(path, "cannot remove the socket of a dead peer");
  return done();
}

}  // namespace

Result<BoundSocket> bind_unix_path(const std::string& path, SocketAccess access, Duration patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return failed(path, fmt::format("a socket's path has 1 to {} bytes", sizeof address.sun_path - 1),
                  "name a shorter one");
  std::memcpy(address.sun_path, path.data(), path.size());

  const auto lock = lock_beside(path, patience);
  if (!lock.ok()) return lock.error();
  if (const auto cleared = clear_path(path, address); !cleared.ok()) return cleared.error();
  Descriptor fd = new_socket();
  if (fd.get() < 0) return failed_call(path, "cannot make a socket");
  // It is made with its mode: chmod(2) would follow a link that somebody puts there in between.
  const mode_t mask = ::umask(access.everybody ? 0111 : access.group ? 0117 : 0177);
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(mask);
  errno = error;
  if (bound != 0) return failed_call(path, "cannot bind it");
  // Before listen(): until then nobody can connect, whoever's it was at first.
  if (access.group && ::lchown(path.c_str(), static_cast<uid_t>(-1), *access.group) != 0)
    return failed_call(path, "cannot give it to the group");
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return failed_call(path, "cannot look at it");
  if (::listen(fd.get(), backlog) != 0) return failed_call(path, "cannot listen on it");
  return BoundSocket{std::move(fd), info.st_dev, info.st_ino};
}

void remove_unix_path(const std::string& path, dev_t device, ino_t inode) {
  const auto lock = lock_beside(path, Duration{});
  if (!lock.ok()) return;  // what is left is taken over by the next peer
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && info.st_dev == device && info.st_ino == inode)
    static_cast<void>(::unlink(path.c_str()));
}

}  // namespace coord::net
