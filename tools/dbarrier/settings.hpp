// SPDX-License-Identifier: MIT
// What dbarrier was asked to do.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/lease.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/common.hpp"
#include "cli/exit_status.hpp"
#include "cli/live.hpp"
#include "cli/options.hpp"

namespace coord::dbarrier {

inline constexpr std::uint32_t most_participants = 4096;  // the service's bound
inline constexpr std::size_t longest_why = 255;           // bytes, the service's bound
inline constexpr std::size_t longest_id = 100;            // bytes, the service's bound

enum class Mode { meet, status, list, reset, fail };

struct Settings {
  cli::ConnectOptions peer;
  Mode mode = Mode::meet;
  std::string name;
  cli::Command command;
  std::optional<std::uint32_t> count;
  std::optional<std::string> id;  // default: host:pid
  std::vector<std::string> expect;
  std::optional<Duration> wait;
  int conflict_status = 1;  // when it timed out
  std::optional<std::uint32_t> quorum;
  std::optional<Duration> after;
  bool break_on_death = false, all_or_fail = false, in_turn = false;
  std::string why;  // of --fail
  Duration ttl = std::chrono::seconds(10);
  std::string report;  // a file; "-": a table on stderr
  bool json = false, stale = false, quiet = false, verbose = false;
  cli::Live live;  // with --list

  Duration grace() const { return lease::usual_grace(ttl); }  // from TERM to KILL
};

Result<cli::Exit> meet(const Settings& settings);
Result<cli::Exit> show_status(const Settings& settings);
Result<cli::Exit> list_barriers(const Settings& settings);
Result<cli::Exit> reset_barrier(const Settings& settings);

}  // namespace coord::dbarrier
