// SPDX-License-Identifier: MIT
// What dkv was asked to do.
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
#include "cli/options.hpp"
#include "engine/local_connection.hpp"
#include "wire/local.hpp"

namespace coord::dkv {

struct Settings {
  cli::ConnectOptions peer;
  std::string key;                 // of list: the beginning of those that are listed
  std::vector<std::string> value;  // none or "-": standard input
  std::optional<std::uint64_t> if_version;
  bool if_absent = false, session = false;
  cli::Command command;
  Duration ttl = std::chrono::seconds(10);
  std::optional<Duration> grace;  // default: 0.3 of the TTL
  std::string report;
  bool json = false, stale = false, quiet = false;
  bool native = false;  // the engine's own keys

  Duration grace_or_default() const { return grace.value_or(lease::usual_grace(ttl)); }
  service::WantedVersion wanted() const;
};

// A peer that knows what dkv says; one of release 0.1.0 does not (69).
Result<engine::LocalConnection> connect(const Settings& settings);
// What a refused condition means, from why the group refused ("version 3: ..." if the key has one).
std::string why_not(const Settings& settings, const std::string& why);
Error not_answered(const std::string& object, const Error& why);

Result<cli::Exit> put(const Settings& settings);                         // put.cpp
Result<cli::Exit> remove(const Settings& settings);                      //
Result<cli::Exit> present(const Settings& settings, std::string value);  // present.cpp: put --session
Result<cli::Exit> get(const Settings& settings);                         // keys.cpp
Result<cli::Exit> list(const Settings& settings);                        //
Result<cli::Exit> watch(const Settings& settings);                       // watch.cpp

// native.cpp: the engine's own keys
Result<cli::Exit> put_native(const Settings& settings, std::string value);
Result<cli::Exit> remove_native(const Settings& settings);
Result<cli::Exit> get_native(const Settings& settings);
Result<cli::Exit> list_native(const Settings& settings);
Result<cli::Exit> watch_native(const Settings& settings);

// One line of JSON for a key, with or without its value.
std::string json_of(const service::KeyRecord& record, const std::string* value, WallTime as_of,
                    local::Scope scope);

}  // namespace coord::dkv
