// SPDX-License-Identifier: MIT
// dpeers key: the group's keys, shown and changed on all hosts while they run.
#pragma once

#include <string>

#include "base/result.hpp"
#include "cli/common.hpp"
#include "cli/connect.hpp"
#include "cli/exit_status.hpp"

namespace coord::dpeers {

struct KeySettings {
  cli::ConnectOptions peer;
  bool quiet = false, json = false;
  std::string verb;  // list, add, use, remove
  std::string id;    // of a key; with add: empty: a new one
  std::string from;  // with add: a key file, whose first key it is
};

// 0: it is so on all hosts. 1: not on all, and the others are named. 64: no such key, or who asks may not.
// 69: refused for now, or nobody answers.
Result<cli::Exit> key(const KeySettings& settings);

}  // namespace coord::dpeers
