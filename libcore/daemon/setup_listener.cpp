// SPDX-License-Identifier: MIT
#include "daemon/setup_listener.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "base/format.hpp"
#include "base/own_file.hpp"

namespace coord::daemon {

Status end_setup_listener(const std::string& state_dir) {
  constexpr Duration patience = std::chrono::seconds(5);
  const std::string path = fmt::format("{}/{}", state_dir, setup_listener_name);
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return done();
  const auto file = open_own_file(path, O_RDWR);
  if (!file) return file.error();
  if (Status ended = lock_within(*file, path, patience); !ended) return ended;
  (void)::unlink(path.c_str());  // an empty file that stays does no harm
  return done();
}

}  // namespace coord::daemon
