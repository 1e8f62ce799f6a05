// SPDX-License-Identifier: MIT
// What dcommit was asked to do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/common.hpp"
#include "cli/exit_status.hpp"
#include "wire/local.hpp"

namespace coord::dcommit {

enum class Mode { take_part, status, list, forget };

struct Settings {
  cli::ConnectOptions peer;
  Mode mode = Mode::take_part;
  std::string name;  // of list: how the names begin
  std::string id;    // default: the host's name
  std::optional<std::uint32_t> count;
  std::string prepare, commit, abort;
  std::string protocol = "majority";
  std::optional<Duration> wait;
  bool stale = false, json = false, quiet = false;
};

Result<cli::Exit> take_part(const Settings& settings);    // take_part.cpp
Result<cli::Exit> show_status(const Settings& settings);  // status.cpp
Result<cli::Exit> list(const Settings& settings);         //
Result<cli::Exit> forget(const Settings& settings);       //

// One line of JSON for a transaction; `blocked`: this participant has voted, and cannot learn the outcome.
std::string json_of(const service::CommitView& view, const std::string& id, bool blocked = false);
// Who aborted it, and why.
std::string why_aborted(const service::CommitView& view);

}  // namespace coord::dcommit
