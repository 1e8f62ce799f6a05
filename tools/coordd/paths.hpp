// SPDX-License-Identifier: MIT
// What coordd says of paths before there is a peer.
#pragma once

#include <sys/stat.h>

#include <string>
#include <utility>

#include "base/result.hpp"

namespace coord::coordd {

inline Error unusable(const std::string& path, std::string what, std::string remedy) {
  return {ErrorKind::unavailable, path, std::move(what), std::move(remedy)};
}

// Where a link leads, too.
inline bool is_there(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

}  // namespace coord::coordd
