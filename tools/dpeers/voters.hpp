// SPDX-License-Identifier: MIT
// dpeers promote, demote, remove, replace, transfer: who votes, and who leads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/connect.hpp"
#include "cli/exit_status.hpp"
#include "wire/local_voters.hpp"

namespace coord::dpeers {

struct VoterSettings {
  cli::ConnectOptions peer;
  bool quiet = false, json = false;
  local::VoterVerb verb = local::VoterVerb::promote;
  std::string name, other;
  std::optional<Duration> within;  // none: for ever
};

// dpeers voters: how many peers the group lets vote by itself.
struct KeepSettings {
  cli::ConnectOptions peer;
  bool quiet = false, json = false;
  std::optional<std::uint32_t> count;  // 0: none
  std::optional<Duration> after, pause;
  Duration within;
};
// 0: told, or it is so. 69: nobody leads. 76: ordered, and not confirmed within the time.
Result<cli::Exit> keep_voters(const KeepSettings& settings);
// What holds; nothing: it is not told.
std::optional<local::VoterView> kept_voters(const cli::ConnectOptions& peer);

// dpeers move: where the group reaches a peer.
struct MoveSettings {
  cli::ConnectOptions peer;
  bool quiet = false, json = false;
  std::string name, address;
  Duration within;
};
// As keep_voters().
Result<cli::Exit> move_peer(const MoveSettings& settings);

// 0: it is so. 1: it was not within the time. 69: refused for now, or nobody leads.
Result<cli::Exit> order_voters(const VoterSettings& settings);

}  // namespace coord::dpeers
