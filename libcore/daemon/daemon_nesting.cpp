// SPDX-License-Identifier: MIT
// Which of this host's holds a tool runs inside of.
#include "daemon/daemon.hpp"

namespace coord::daemon {

// What the kernel says, of every hold and of every way to hold; what the tool's environment says counts for
// nothing, for a process that holds by --acquire cannot hand down any, and others clear theirs. A tool is
// inside of a hold if it has inherited the session's descriptor; or is in the command's control group; or is,
// or descends from, the process that holds or runs as the command, or descends from the wrapper that is about
// to say which that is.
bool Daemon::runs_inside(process::Nesting& nesting, const Tool& tool) {
  return (tool.holder.pid != 0 && nesting.is_within(tool.holder)) ||
         (tool.command.pid != 0 && nesting.is_within(tool.command)) ||
         (tool.connected && tool.holder.pid == 0 && nesting.is_below(tool.who.pid)) ||
         (tool.hold && nesting.has_open(tool.hold->file())) || nesting.is_in_group(tool.group);
}

// The innermost ones if there are more than may be told; outermost first: a hold around another one was asked
// for before it.
std::vector<replica::ConnectionId> Daemon::holds_around(replica::ConnectionId asker, pid_t asking) const {
  constexpr std::size_t most = service::Limits{}.nesting;
  process::Nesting nesting(asking);
  std::map<SessionId, replica::ConnectionId> around;
  for (const auto& [connection, tool] : tools_) {
    if (tool.session == SessionId{} || connection == asker) continue;
    if (runs_inside(nesting, tool)) around.emplace(tool.session, connection);
  }
  std::vector<replica::ConnectionId> proved;
  for (const auto& [session, connection] : around) proved.push_back(connection);
  if (proved.size() > most) proved.erase(proved.begin(), proved.end() - static_cast<std::ptrdiff_t>(most));
  return proved;
}

// Of these holds, those that do not reach to this process, or that are its own.
std::vector<replica::ConnectionId> Daemon::not_around(const std::vector<replica::ConnectionId>& holds,
                                                      const process::ProcessId& holder) const {
  std::vector<replica::ConnectionId> apart;
  process::Nesting nesting(holder.pid);
  for (const replica::ConnectionId connection : holds) {
    const Tool& tool = tools_.at(connection);
    if (tool.holder == holder || !runs_inside(nesting, tool)) apart.push_back(connection);
  }
  return apart;
}

}  // namespace coord::daemon
