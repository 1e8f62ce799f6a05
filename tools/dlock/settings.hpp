// SPDX-License-Identifier: MIT
// What dlock was asked to do.
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
#include "wire/local.hpp"

namespace coord::dlock {

inline constexpr cli::ValueBounds token_bounds{1, (std::int64_t{1} << 53) - 1};  // DESIGN: below 2^53

enum class Mode { run, list, waits, history, break_it, check, acquire, release, forget };

// At most so many grants in any stretch of this length.
struct Rate {
  std::uint32_t permits = 1;
  Duration period{};
};

struct Settings {
  cli::ConnectOptions peer;
  std::string name_list;
  std::vector<std::string> names;
  cli::Command command;
  bool shared = false, exclusive = false;
  bool no_wait = false;
  std::optional<Duration> wait;
  int conflict_status = 1;
  Duration ttl = std::chrono::seconds(10);
  std::optional<Duration> grace;  // default: 0.3 of the TTL
  std::optional<Duration> max_run;
  Duration lock_delay{}, min_hold{};
  std::uint32_t permits = 1;
  bool join = false;
  std::optional<Rate> rate;
  Mode mode = Mode::run;
  std::optional<service::EnterBy> algorithm;
  bool native = false;                    // by the engine's own recipe
  bool by_probes = false;                 // --waits: not the waits, but the circles of them
  std::vector<std::string> among;         // its sites; empty: all voters that answer
  std::optional<service::TakePart> part;  // of it, as it is asked for now
  bool json = false, dot = false, stale = false;
  cli::Live live;  // with --list
  bool yes = false;
  bool close = false;     // the command does not inherit the hold
  bool no_fork = false;   // it runs in this process's place
  std::uint32_t pid = 0;  // whose hold; 0: the parent's
  int signal = 15;        // for that process when the lock is lost
  bool quiet = false, verbose = false;
  std::string report;
  std::string log;    // for the events of an algorithm's epoch; empty: none
  std::string fence;  // the file that --fence guards; empty: none
  std::optional<std::uint64_t> token;

  Duration grace_or_default() const { return grace.value_or(lease::usual_grace(ttl)); }
};

// Who or what a request waits for, on one line; empty: not known (yet).
std::string in_words(const local::Waiting& waiting);
// The process that --acquire and --release are about.
std::uint32_t holder_of(const Settings& settings);

Result<cli::Exit> run_locked(const Settings& settings);
Result<cli::Exit> run_fenced(const Settings& settings);
Result<cli::Exit> list_locks(const Settings& settings);
Result<cli::Exit> list_waits(const Settings& settings);
Result<cli::Exit> find_circles(const Settings& settings);  // circles.cpp
Result<cli::Exit> list_history(const Settings& settings);
Result<cli::Exit> release_lock(const Settings& settings);
Result<cli::Exit> break_lock(const Settings& settings);
Result<cli::Exit> forget_algorithm(const Settings& settings);
Result<cli::Exit> check_token(const Settings& settings);

}  // namespace coord::dlock
