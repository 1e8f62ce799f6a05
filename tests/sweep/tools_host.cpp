// SPDX-License-Identifier: MIT
// What happens to the shell users when their host, or its peer, dies; and how good times find them.
#include <algorithm>

#include "sweep/tools.hpp"

namespace coord::sweep {

using std::chrono::milliseconds;

// The peer's process is gone, with every connection. Who still asks must ask anew; commands go on, under
// their wrappers until their deadlines. A command without a wrapper has no guard left until the peer is
// started again (the man page says so).
void Tools::process_died(NodeId node) {
  std::erase_if(looks_, [&](const auto& look) { return look.second.host == node; });
  std::vector<std::uint64_t> ids;
  for (auto& [id, run] : runs_) {
    if (run.host != node || !(run.connected || run.command)) continue;
    if (run.connected) run.power_cuts = world_.disk(node).counts().of(sim::FaultKind::power_cut);
    run.connected = false;  // a peer that dies while it starts dies without a connection
    if (!run.command) ids.push_back(id);
  }
  for (const std::uint64_t id : ids) {
    finish_seen(runs_.at(id), false);
    forget(id);
  }
}

// A power cut took the host's processes with it, not only its peer.
void Tools::process_started(NodeId node) {
  const std::uint64_t cuts = world_.disk(node).counts().of(sim::FaultKind::power_cut);
  std::vector<std::uint64_t> dead;
  for (const auto& [id, run] : runs_) {
    if (run.host == node && !run.connected && run.command && run.power_cuts < cuts) dead.push_back(id);
  }
  for (const std::uint64_t id : dead) command_ends(id, true);
}

bool Tools::taken_up(NodeId node, SessionId session, replica::ConnectionId connection) {
  for (auto& [id, run] : runs_) {
    if (run.host != node || run.session != session || !run.command) continue;
    if (run.power_cuts < world_.disk(node).counts().of(sim::FaultKind::power_cut)) return false;
    ++resumptions_;
    run.connection = connection;
    later_connections_[connection.value] = id;
    if (run.wrapper)
      later(Duration{}, milliseconds(300), [this, run = id, connection] {
        const Run* waits = find(run);
        if (waits != nullptr && waits->connection == connection) come_back(run);
      });
    return true;
  }
  return false;
}

// The wrapper has found its peer again.
void Tools::come_back(std::uint64_t id) {
  Run& run = runs_.at(id);
  if (!run.wrapper || !run.command || world_.node(run.host) == nullptr) return;
  run.connection = replica::ConnectionId{++last_id_};
  run.connected = true;
  later_connections_[run.connection.value] = id;
  say(run, local::Hello{local::protocol_version, "dlock", run.speaks});
  say(run,
      local::Resume{1, run.session, run.secret, static_cast<std::uint32_t>(id), run.request.ttl * 3 / 10});
}

std::uint64_t Tools::run_of(replica::ConnectionId connection) const {
  const auto found = later_connections_.find(connection.value);
  return found == later_connections_.end() ? connection.value : found->second;
}

// ---- good times

std::optional<std::string> Tools::unfinished() const {
  for (const auto& [id, run] : runs_) {
    if (run.done) continue;
    return std::string(run.probe ? "probe " : "run ") + std::to_string(id) + " on node " +
           std::to_string(run.host.value) +
           (run.stage == Stage::asking ? " still waits for " : " still has ") + run.request.names.front();
  }
  for (const auto& [id, look] : looks_) {
    return "listing " + std::to_string(id) + " on node " + std::to_string(look.host.value) + " has no answer";
  }
  return std::nullopt;
}

std::size_t Tools::late_readers(NodeId host) const {
  const auto asleep = std::count_if(runs_.begin(), runs_.end(), [&](const auto& run) {
    return run.second.host == host && run.second.done && run.second.connected;
  });
  const auto stopped = stopped_.find(host);
  return static_cast<std::size_t>(asleep) + (stopped == stopped_.end() ? 0 : stopped->second);
}

void Tools::probe() {
  for (std::size_t host = 1; host <= world_.nodes(); ++host) {
    if (world_.node(NodeId{host}) != nullptr) start_run(NodeId{host}, 0, true);
  }
}

}  // namespace coord::sweep
