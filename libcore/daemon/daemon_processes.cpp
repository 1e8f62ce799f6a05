// SPDX-License-Identifier: MIT
// Which processes the tools are, and which ones they mean by the numbers in their requests: what the kernel
// says, whatever PID namespace a tool is in (process/pidfd.hpp). What is guarded is killed one day, so no
// number is believed.
#include <algorithm>
#include <boost/asio/post.hpp>

#include "base/format.hpp"
#include "daemon/daemon.hpp"
#include "process/cgroup.hpp"
#include "process/pidfd.hpp"
#include "wire/local_process.hpp"

namespace coord::daemon {

namespace {

Error cannot(ErrorKind kind, std::string what, std::string remedy) {
  return {kind, "", std::move(what), std::move(remedy)};
}

}  // namespace

// Which process the tool is: a walk into /proc that a tool which only asks does not cost.
void Daemon::look_at(replica::ConnectionId connection, Tool& tool) {
  if (tool.process.pid != 0 || !tool.connected) return;
  const int socket = server_->socket_of(net::ClientNumber{connection.value});
  if (socket < 0) return;
  if (const auto process = process::process_at_other_end(socket, tool.since)) tool.process = *process;
}

void Daemon::meet(replica::ConnectionId connection) {
  const auto found = tools_.find(connection);
  if (!ended_ && found != tools_.end()) look_at(connection, found->second);
}

// The process that a request names, if the tool may have it guarded (and so killed): as a holder any of its
// user's, as a command what it has started.
Result<process::ProcessState> Daemon::named(const Tool& tool, const Descriptor& pidfd, std::uint32_t number,
                                            bool as_holder) const {
  auto process = process::process_meant({tool.speaks >= 2, pidfd.get(), number, tool.process.pid});
  if (!process) return process;
  if (process->id.pid <= 1)
    return cannot(ErrorKind::usage, "the whole system hangs on it", "name another one");
  if (as_holder && tool.who.uid != 0 && process::user_of(process->id.pid) != tool.who.uid)
    return cannot(ErrorKind::usage, "it is another user's", "name one of your own with --pid");
  if (!as_holder && !is_command_of(tool, *process))
    return cannot(ErrorKind::unavailable, "this tool has not started it", "");
  return process;
}

// A command is the tool itself, or descends from it; or it was known as the command of the session before,
// and this is its guard.
bool Daemon::is_command_of(const Tool& tool, const process::ProcessState& process) const {
  const bool knows_tool = tool.process.pid != 0;
  if (knows_tool && process.id == tool.process) return true;
  if (knows_tool && process.parent == tool.process.pid && process::is_running(tool.process)) return true;
  if (knows_tool && process::descends_from(process.id.pid, tool.process)) return true;
  return std::any_of(tools_.begin(), tools_.end(), [&](const auto& other) {
    return other.second.command == process.id && other.second.who.uid == tool.who.uid;
  });
}

// Why nothing can be guarded for this tool, whatever it names; nothing: it can.
std::optional<local::Refused> Daemon::out_of_sight(const Tool& tool) const {
  const auto refusal = [](const char* why) {
    return local::Refused{0, local::RefusedKind::protocol, std::string("no command can be guarded: ") + why};
  };
  if (!process::proc_is_ours())
    return refusal("the peer's /proc shows another PID namespace: mount its own there, and start it again");
  if (tool.who.pid == 0)
    return refusal(
        "the peer is in a PID namespace from which this tool is not seen: run it outside of its "
        "container");
  if (tool.speaks < 2 && !process::in_our_namespace(tool.who.pid))
    return refusal(
        "this tool is in another PID namespace, and of a release that cannot show its processes "
        "there: install the peer's");
  return std::nullopt;
}

// Puts our numbers of processes in place of the tool's. A refusal: one of them cannot be guarded.
std::optional<local::Refused> Daemon::name_processes(replica::ConnectionId connection, Tool& tool,
                                                     local::Request& request) {
  auto* const acquire = std::get_if<local::Acquire>(&request);
  auto* const arrival = std::get_if<local::Arrive>(&request);
  auto* const number = local::named_process(request);
  const bool as_holder = acquire != nullptr || std::holds_alternative<local::LetGo>(request);
  Descriptor pidfd;  // taken in any case: the next request has one of its own
  if (tool.speaks >= 2 && local::names_process(request))
    pidfd = server_->take_passed(net::ClientNumber{connection.value});
  if (acquire != nullptr || (arrival != nullptr && arrival->command)) {
    if (auto refusal = out_of_sight(tool)) return refusal;
  }
  if (arrival != nullptr) arrival->pid = static_cast<std::uint32_t>(tool.who.pid);
  if (acquire != nullptr) {
    acquire->pid = static_cast<std::uint32_t>(tool.who.pid);
    tool.holder = {};
  }
  if (number == nullptr || *number == 0) return std::nullopt;

  const std::string name = fmt::format("process {}", *number);
  look_at(connection, tool);
  const auto process = named(tool, pidfd, *number, as_holder);
  *number = process ? static_cast<std::uint32_t>(process->id.pid) : 0;
  if (!process) {
    if (tool.speaks < 2 && !as_holder) return std::nullopt;  // as it was: this guard does without
    const Error& why = process.error();
    const auto kind =
        why.kind == ErrorKind::usage ? local::RefusedKind::mismatch : local::RefusedKind::protocol;
    return local::Refused{
        0, kind, Error{why.kind, fmt::format("{} cannot be guarded", name), why.what, why.remedy}.text()};
  }
  if (acquire != nullptr) {
    acquire->pid = *number;
    tool.holder = process->id;
  } else if (!as_holder) {
    tool.command = process->id;
    boost::asio::post(io_, [this, connection] { find_group(connection); });
  }
  return std::nullopt;
}

// While the command is still in it. After the tool has its answer: it waits for nothing of this.
void Daemon::find_group(replica::ConnectionId connection) {
  const auto found = tools_.find(connection);
  if (ended_ || found == tools_.end() || found->second.command.pid == 0) return;
  Tool& tool = found->second;
  tool.maker = process::own_number(tool.process.pid);
  tool.group = process::cgroup_made_by(tool.maker, tool.command.pid);
}

// One whom only the group admits. This peer may be able to kill what he may not.
bool Daemon::is_guest(const Tool& tool) const {
  return settings_.admits_others() && tool.who.uid != 0 && tool.who.uid != ::geteuid();
}

// Whether this tool may say that the process is its command: its user's, or its own child (a setuid program).
bool Daemon::may_name(const Tool& tool, pid_t process) const {
  if (!is_guest(tool) || process::user_of(process) == tool.who.uid) return true;
  return process::user_of(tool.process.pid) == tool.who.uid && process::descends_from(process, tool.process);
}

}  // namespace coord::daemon
