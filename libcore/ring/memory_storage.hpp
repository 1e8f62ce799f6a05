// SPDX-License-Identifier: MIT
// A host's storage without a file, for simulated rings: what is committed stays in a MemoryTable, which its
// owner keeps while the host is down, and gives up to play a disk that was lost.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "ring/storage.hpp"

namespace coord::ring {

struct MemoryTable {
  struct Kept {
    Entry entry;
    std::uint64_t change = 0;
  };
  std::uint64_t last_write = 0, last_change = 0, last_life = 0;
  std::map<std::string, std::uint64_t> memberships;
  std::map<std::pair<std::string, std::string>, Kept> entries;        // by ring and key
  std::map<std::tuple<std::string, std::string, Dot>, Bytes> values;  // and version
  bool is_full = false;                                               // takes nothing new
};

// `table` must outlive it. Threading: one owner.
std::unique_ptr<Storage> open_memory(MemoryTable& table);

}  // namespace coord::ring
