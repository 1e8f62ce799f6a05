// SPDX-License-Identifier: MIT
#include "cli/host_peer.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace coord::cli {

Result<bool> has_host_peer() {
  struct stat status {};
  if (::lstat(host_file, &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return Error{ErrorKind::unavailable, host_file, std::strerror(errno), "make /etc/coordutils readable"};
  }
  if (!S_ISREG(status.st_mode))
    return Error{ErrorKind::unavailable, host_file, "it is no regular file", "remove it"};
  if (status.st_uid != 0)
    return Error{ErrorKind::unavailable, host_file, "it is not root's", "chown root /etc/coordutils/host"};
  if ((status.st_mode & 022U) != 0)
    return Error{ErrorKind::unavailable, host_file, "others may write to it",
                 "chmod go-w /etc/coordutils/host"};
  return true;
}

}  // namespace coord::cli
