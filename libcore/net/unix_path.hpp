// SPDX-License-Identifier: MIT
// Taking the path of a Unix socket: see net/unix_server.hpp.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace coord::net {

// Who may connect by the socket's mode: 0600, 0660 and of `group`, or 0666.
struct SocketAccess {
  std::optional<gid_t> group{};
  bool everybody = false;
};

// A bound and listening socket (close-on-exec, non-blocking) and which file it is.
struct BoundSocket {
  Descriptor fd;
  dev_t device = 0;
  ino_t inode = 0;
};

// `patience`: for another that is at work on the same path.
Result<BoundSocket> bind_unix_path(const std::string& path, SocketAccess access = {},
                                   Duration patience = std::chrono::seconds(2));

// Removes the path if it is still that file: another peer may have taken it over. Never waits.
void remove_unix_path(const std::string& path, dev_t device, ino_t inode);

}  // namespace coord::net
