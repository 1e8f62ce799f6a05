// SPDX-License-Identifier: MIT
// Assertions on our own bugs. They stay on in release builds: a peer that has lost its mind must stop, not go
// on. Errors of the world (input, network, disk) are Results, never checks.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace coord {

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "internal error: %s does not hold (%s:%d): please report this\n", condition, file,
               line);
  std::abort();
}

}  // namespace coord

#define COORD_CHECK(condition)                         \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::coord::check_failed(#condition, __FILE__, __LINE__))
