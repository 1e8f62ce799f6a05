// SPDX-License-Identifier: MIT
// dpeers key: the group's keys, shown and changed on all hosts while they run; and the keys by
// which others sign.
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
  std::string verb;  // list, add, use, remove, pin
  std::string id;    // of a key; with add: empty: a new one; with pin: a host
  std::string key;   // with pin
  std::string from;  // with add: a key file, whose first key it is; with pin: a file with that
};

// 0: it is so on all hosts. 1: not on all, and the others are named. 64: no such key, or who asks may not.
// 69: refused for now, or nobody answers.
Result<cli::Exit> key(const KeySettings& settings);
// On this host only: by which key another one signs (pins.cpp).
Result<cli::Exit> pin_key(const KeySettings& settings);

}  // namespace coord::dpeers
