// SPDX-License-Identifier: MIT
// What dpropose was asked to do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agreements/messages.hpp"
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
  service::Agreement algorithm = service::Agreement::raft;
  std::string among;  // hosts, separated by commas; empty: all voters
  bool trace = false, i_know = false;
  bool no_wait = false, stale = false, json = false, quiet = false;
  std::string report;
  std::string log;  // for the events of its sites; empty: none
};

// A peer that knows what dpropose says; one of release 0.1.0 does not (69).
Result<engine::LocalConnection> connect(const Settings& settings);

Result<cli::Exit> propose(const Settings& settings);  // propose.cpp
Result<cli::Exit> get(const Settings& settings);      // decisions.cpp
Result<cli::Exit> forget(const Settings& settings);   //
Result<cli::Exit> list(const Settings& settings);     //

// What the sites of a decision by a classical algorithm say to this request (by_sites.cpp), until `end`.
// CannotTell is an Error: of usage, or see `is_forgotten` and `is_lost`.
Result<agreements::ToTool> ask_sites(engine::LocalConnection& peer, const std::string& object,
                                     const agreements::FromTool& what, std::optional<Instant> end);
bool is_forgotten(const Error& error);
// Waiting is of no use. Unknown: the proposal was made, and it may have been decided.
bool is_lost(const Error& error);
// Where sites may lie: whom this host does not believe would be one of those that fail, for ever.
Status are_pinned(const agreements::SigningKeys& keys, const std::string& self,
                  const std::vector<service::DecisionSite>& sites);
// Leaves those that --among names, of which this host must be one, and as many as the algorithm can have.
Status choose_sites(const Settings& settings, const std::string& self,
                    std::vector<service::DecisionSite>& sites);
// On stderr: what this host's site has sent and received on the way and after it, by phases, which hosts made
// a majority, and when.
struct Traced {
  agreements::Decided decided;
  agreements::Steps later;
  Duration whole{};  // since the command began
};
void print_trace(const Traced& traced, const std::vector<service::DecisionSite>& sites,
                 const std::string& self, service::Agreement algorithm);

// The fields of --json; without its value if there is none to show.
cli::JsonObject fields_of(const service::DecisionRecord& record, const std::string* value);
// On stdout, as it was asked for.
void print_value(const Settings& settings, const std::string& value);

}  // namespace coord::dpropose
