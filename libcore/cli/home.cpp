// SPDX-License-Identifier: MIT
#include "cli/home.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace coord::cli {

std::optional<std::string> own_home() {
  const char* const home = std::getenv("HOME");
  struct stat status {};
  if (home == nullptr || *home != '/' || ::stat(home, &status) != 0) return std::nullopt;
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid()) return std::nullopt;
  return home;
}

}  // namespace coord::cli
