// SPDX-License-Identifier: MIT
// What dpropose was asked to do.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/common.hpp"
#include "cli/exit_status.hpp"
#include "cli/json.hpp"
#include "engine/local_connection.hpp"
#include "wire/local.hpp"

namespace coord::dpropose {

enum class Mode { propose, get, forget, list };

struct Settings {
  cli::ConnectOptions peer;
  Mode mode = Mode::propose;
  std::string name;       // of list: how the names begin
  std::string value;      // read already
  bool as_it_is = false;  // no newline behind it: VALUE was -
  std::optional<Duration> wait;
  bool no_wait = false, stale = false, json = false, quiet = false;
  std::string report;
};

// A peer that knows what dpropose says; one of release 0.1.0 does not (69).
Result<engine::LocalConnection> connect(const Settings& settings);

Result<cli::Exit> propose(const Settings& settings);  // propose.cpp
Result<cli::Exit> get(const Settings& settings);      // decisions.cpp
Result<cli::Exit> forget(const Settings& settings);   //
Result<cli::Exit> list(const Settings& settings);     //

// The fields of --json; without its value if there is none to show.
cli::JsonObject fields_of(const service::DecisionRecord& record, const std::string* value);
// On stdout, as it was asked for.
void print_value(const Settings& settings, const std::string& value);

}  // namespace coord::dpropose
