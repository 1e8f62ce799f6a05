// SPDX-License-Identifier: MIT
// What dcommit was asked to do.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/common.hpp"
#include "cli/exit_status.hpp"
#include "cli/json.hpp"
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
  service::CommitBy protocol = service::CommitBy::majority;
  bool i_know = false;            // what a protocol cannot do
  std::optional<Duration> bound;  // of three phases: no message takes longer
  std::string report;
  std::string log;  // for the events of this host; empty: none
  std::optional<Duration> wait;
  bool stale = false, json = false, quiet = false;
};

Result<cli::Exit> take_part(const Settings& settings);    // take_part.cpp
Result<cli::Exit> show_status(const Settings& settings);  // status.cpp
Result<cli::Exit> list(const Settings& settings);         //
Result<cli::Exit> forget(const Settings& settings);       //

// What it cost this participant, and whom it waits for.
struct Costs {
  std::map<std::string, std::uint64_t> messages{};
  std::optional<std::uint32_t> delays{};  // messages one after the other
  std::vector<std::string> waits_for{};   // hosts
};
// The fields of --json for a transaction; `blocked`: this participant has voted, and cannot
// learn the outcome.
cli::JsonObject json_of(const service::CommitView& view, const std::string& id, bool blocked = false,
                        const Costs* costs = nullptr);
// Who aborted it, and why.
std::string why_aborted(const service::CommitView& view);

}  // namespace coord::dcommit
