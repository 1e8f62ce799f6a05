// SPDX-License-Identifier: MIT
// The options that mean the same in every program, declared once.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/json.hpp"
#include "cli/options.hpp"
#include "wire/local.hpp"

namespace coord::cli {

// How a tool finds its peer.
enum class Scope { any, private_peer, host, cluster, engine };  // another one than any: no other will do

struct ConnectOptions {
  std::string socket;                     // empty: this host's authority
  std::string config;                     // empty: find_config()'s usual places (config.hpp)
  std::string engine;                     // URL, as given: a gateway of this user's to it
  const Option* engine_option = nullptr;  // where that comes from
  bool unsafe = false;                    // also one that may forget
  bool native = false;                    // for its own keys and locks
  Scope scope = Scope::any;
  bool no_autostart = false;
  Duration patience = std::chrono::seconds(5);  // for the peer's greeting
};

// The engine is named in the environment only: for where nothing is configured.
bool is_default_engine(const ConnectOptions& options);

struct OutputOptions {
  bool json = false, quiet = false;
  int verbose = 0;
  std::string report;  // empty: none
};

void add_peer_options(
    Options& options,
    ConnectOptions& target);  // --socket --config --engine --unsafe --scope --no-autostart, COORD_*
// --json -q --verbose. `listings`: the modes that print, with which alone --json makes sense; none: any.
void add_output_options(Options& options, OutputOptions& target, std::vector<std::string> listings = {});
void add_report_option(Options& options, OutputOptions& target);  // --report FILE

// Stores the engine that --engine names; none is ErrorKind::usage: a peer alone in its place
// would grant what others hold.
Status named_engine(std::string_view url, std::string& engine);

// Where an engine keeps the log, and `ttl` was not given: a lease outlasts a change of the engine's leader.
void default_ttl(const ConnectOptions& options, const Option& ttl, Duration& value);

// Writes one JSON line to the file, which is created or emptied (it may be a pipe or
// a device). ErrorKind::output.
Status write_report(const std::string& path, const JsonObject& report);

}  // namespace coord::cli
