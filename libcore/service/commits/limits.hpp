// SPDX-License-Identifier: MIT
// Bounds on what is kept (limits.hpp).
#pragma once

#include <chrono>
#include <cstddef>

#include "base/level.hpp"
#include "base/time.hpp"

namespace coord::service {

// Of three phases; longer ones would have nobody wait for a coordinator's end.
inline constexpr Duration longest_commit_bound = std::chrono::hours(1);

struct CommitLimits {
  std::size_t transactions = 4'096;
  std::size_t transactions_by_sites = 512;  // by classical algorithms: each peer keeps them in memory
  std::size_t transactions_of_user = 1'024;
  std::size_t commit_participants = 256;         // of one: all of them fit one answer
  std::size_t all_commit_participants = 16'384;  // with the longest texts less than 16 MiB
  std::size_t commit_text_bytes = 255;           // ids, hosts, reasons

  void set_level(Level /*level*/) {}
};

}  // namespace coord::service
