// SPDX-License-Identifier: MIT
#include "dcommit/log_delays.hpp"

#include <chrono>

#include "engine/ask_peers.hpp"
#include "process/boot_time.hpp"

namespace coord::dcommit {

std::optional<Leadership> who_leads(const cli::ConnectOptions& options) {
  constexpr Duration at_once = std::chrono::milliseconds(500);
  cli::ConnectOptions running = options;
  running.no_autostart = true;
  auto peer = cli::connect_to_peer(running, "");
  if (!peer || peer->welcome().scope == local::Scope::engine) return std::nullopt;
  const auto known = engine::ask_peers(*peer, process::boot_now() + at_once);
  if (!known) return std::nullopt;
  Leadership found;
  for (const local::PeerRecord& each : known->peers) {
    if (each.local) found.self = each.name;
    if (each.local && each.term) found.term = *each.term;
    if (each.role == "leader") found.leader = each.name;
    if (each.voter) found.voters.insert(each.name);
  }
  return found.self.empty() || found.leader.empty() ? std::nullopt : std::optional(std::move(found));
}

std::optional<std::uint32_t> log_delays(const std::optional<Leadership>& before,
                                        const std::optional<Leadership>& after,
                                        const std::string& submitter) {
  if (!before || before != after) return std::nullopt;
  // A host without a vote asks the leader too, once it knows who that is.
  const std::uint32_t there = submitter == before->leader ? 0 : 1;
  const std::uint32_t round = before->voters.size() > 1 ? 2 : 0;
  return there + round + (before->self == before->leader ? 0U : 1U);
}

}  // namespace coord::dcommit
