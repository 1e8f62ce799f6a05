// SPDX-License-Identifier: MIT
// Recorded histories: JSON lines {client, op, name, start_ns, end_ns, ok, value or values
// or token, supersedes, final}.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sim/linearizability.hpp"
#include "sim/register_levels.hpp"

namespace coord::dsim {

inline constexpr std::size_t longest_line = 64 * 1024;      // bytes
inline constexpr std::size_t most_operations = 20'000'000;  // about 2 GB

struct ClientNames {
  // Clients whose names are no small integers have numbers from `first_named` on; these are their names.
  static constexpr std::uint64_t first_named = std::uint64_t{1} << 63;
  std::vector<std::string> names;

  // A text about operations with the clients' names in place of such numbers.
  std::string with_names(const std::string& text) const;
};

struct HistoryFile : ClientNames {
  std::vector<sim::Operation> operations;
  std::vector<std::uint64_t> lines;  // where each stands, from 1
  // Whether each client's operations follow each other; else ErrorKind::data for the
  // first that does not wait.
  Status one_after_the_other(const std::string& path) const;
};

// Of registers whose reads give sets, for sim::check_level.
struct LevelHistory : ClientNames {
  std::vector<sim::RegisterOperation> operations;
  std::vector<std::uint64_t> lines;
  Status one_after_the_other(const std::string& path) const;
};

// `path`: "-" is standard input. ErrorKind::data names the line.
Result<HistoryFile> read_history(const std::string& path, sim::Model model);
Result<LevelHistory> read_level_history(const std::string& path);

}  // namespace coord::dsim
