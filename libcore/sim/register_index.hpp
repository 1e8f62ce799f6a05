// SPDX-License-Identifier: MIT
// A history of registers by name, for register_levels.cpp and register_causal.cpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/register_levels.hpp"

namespace coord::sim {

struct NamedRegister {
  std::vector<std::size_t> writes;  // and removes; without those that failed
  std::vector<std::size_t> reads;   // those that were answered
  std::map<std::uint64_t, std::size_t> writer;
  bool says_what_it_supersedes = false;  // one of the writes does
};

inline std::map<std::string, NamedRegister> by_name(const std::vector<RegisterOperation>& history) {
  std::map<std::string, NamedRegister> names;
  for (std::size_t i = 0; i < history.size(); ++i) {
    const RegisterOperation& operation = history[i];
    NamedRegister& named = names[operation.name];
    if (operation.kind == RegisterOperation::Kind::read) {
      if (operation.outcome == Operation::Outcome::ok) named.reads.push_back(i);
    } else if (operation.outcome != Operation::Outcome::failed) {
      named.writes.push_back(i);
      named.says_what_it_supersedes = named.says_what_it_supersedes || operation.supersedes.has_value();
      if (operation.kind == RegisterOperation::Kind::write) named.writer.emplace(operation.value, i);
    }
  }
  return names;
}

inline bool gives(const RegisterOperation& read, std::uint64_t value) {
  return std::ranges::find(read.values, value) != read.values.end();
}

inline bool names(const RegisterOperation& write, std::uint64_t value) {
  return std::ranges::find(*write.supersedes, value) != write.supersedes->end();
}

// A value that nobody wrote; for a person: "nobody wrote 7".
std::optional<LevelVerdict> out_of_thin_air(const std::vector<RegisterOperation>& history,
                                            const std::string& name, const NamedRegister& named);

// register_causal.cpp
std::optional<LevelVerdict> check_causal(const std::vector<RegisterOperation>& history);

}  // namespace coord::sim
