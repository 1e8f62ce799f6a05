// SPDX-License-Identifier: MIT
// What delect was asked to do.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agreements/messages.hpp"
#include "base/lease.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/common.hpp"
#include "cli/exit_status.hpp"
#include "cli/live.hpp"
#include "cli/options.hpp"
#include "engine/local_connection.hpp"
#include "wire/local.hpp"

namespace coord::delect {

enum class Mode { run, who, watch, list, is_leader, last, resign, evict, enroll, withdraw };

struct Settings {
  cli::ConnectOptions peer;
  cli::OutputOptions output;
  Mode mode = Mode::run;
  std::vector<std::string> names;  // one, except for --list
  cli::Command command;
  bool no_wait = false;
  std::optional<Duration> wait;
  int conflict_status = 1;
  Duration ttl = std::chrono::seconds(10);
  std::optional<Duration> grace;  // default: 0.3 of the TTL
  Duration min_hold{};
  std::optional<std::string> value;  // default: host:pid, of an enrolment the host
  std::int32_t priority = 0;
  bool preempt = false;
  std::optional<service::SlotWish> slot;
  std::uint32_t attempts = 3;
  std::string on_gain, on_loss, lead_file;
  bool standby = false;
  std::optional<agreements::ElectBy> algorithm;  // the hosts', and not the group's
  std::string log;                               // file for its events at this host; empty: none
  std::optional<Duration> bound;                 // of bully
  bool i_know = false;                           // what bully cannot do
  bool stale = false, yes = false;
  std::optional<Duration> max_age;
  cli::Live live;  // with --list

  const std::string& name() const { return names.front(); }
  Duration grace_or_default() const { return grace.value_or(lease::usual_grace(ttl)); }
};

std::string host_name();

// The wish of `--slot KEY` or `--slot auto:PERIOD[@ZONE]` (30s, 10m, 1h, 1d) at this
// time of the host's clock.
Result<service::SlotWish> slot_wish(std::string_view text, WallTime now);
WallTime wall_now();

// All parts of the listing together; of a name that nobody knows an empty record.
Result<local::Leaders> ask_leaders(engine::LocalConnection& peer, const Settings& settings,
                                   std::vector<std::string> names);

// One line of JSON for a record; `event`: current, gain, loss, none.
std::string json_of(const local::LeaderRecord& record, const char* event, WallTime as_of, local::Scope scope);
// "web1 since 2026-11-22T05:00:00Z (web1:4711)", or "nobody".
std::string leader_text(const local::LeaderRecord& record);

Result<cli::Exit> lead(const Settings& settings);           // campaign.cpp
Result<cli::Exit> lead_by_hosts(const Settings& settings);  // by_hosts.cpp
Result<cli::Exit> show_by_hosts(const Settings& settings);  // --who, --is-leader
Result<cli::Exit> show(const Settings& settings);           // leaders.cpp: --who, --list
Result<cli::Exit> is_leader(const Settings& settings);      //
Result<cli::Exit> last(const Settings& settings);           //
Result<cli::Exit> watch(const Settings& settings);          // watch.cpp
Result<cli::Exit> depose(const Settings& settings);         // orders.cpp: --resign, --evict
Result<cli::Exit> stand(const Settings& settings);          // --enroll, --withdraw

}  // namespace coord::delect
