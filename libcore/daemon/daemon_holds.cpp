// SPDX-License-Identifier: MIT
// Sessions that outlive this process: what is kept of them, how the next life takes them up, and the end of
// those whose time is over.
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <memory>
#include <set>

#include "base/format.hpp"
#include "daemon/daemon.hpp"
#include "process/boot_time.hpp"
#include "process/cgroup.hpp"
#include "process/nesting.hpp"

namespace coord::daemon {

namespace {

// Connections of an earlier life count from here: the server's own never come so far.
constexpr std::uint64_t first_recovered = std::uint64_t{1} << 63U;

}  // namespace

Status Daemon::room_for_hold() const {
  if (net::has_descriptor_room(descriptor_ceiling_)) return done();
  return Error{ErrorKind::unavailable, "", "the peer has no descriptors left for another hold",
               "end some, or wait"};
}

// For a session that the tool is about to be told of.
Status Daemon::new_hold(Tool& tool, SessionId session) {
  if (Status room = room_for_hold(); !room) return room;
  auto taken = stock_.take();
  if (!taken) return taken.error();
  if (tool.hold) tool.hold->remove();
  tool.session = session;
  tool.hold = std::move(taken->hold);
  tool.file = taken->number;
  boost::asio::post(io_, [this] {
    if (!ended_) stock_.refill();
  });
  return done();
}

Status Daemon::recover_holds() {
  auto file = HoldFile::open(fmt::format("{}/holds", hold_directory_));
  if (!file) return file.error();
  hold_file_ = std::move(*file);
  replica::Recovered event;
  std::vector<SessionId> left_to_leases;
  // A copy's holders may live where it was copied from: their sessions end by their leases, not by our word.
  const bool may_be_copy = settings_.may_be_copy;
  if (!may_be_copy) event.complete_since = hold_file_->complete_since();
  for (const KeptHold& kept : hold_file_->found()) {
    replica::Recovered::Hold hold;
    hold.connection = replica::ConnectionId{first_recovered + event.holds.size()};
    hold.record = kept.hold;
    hold.held = take_up(kept, hold);
    if (may_be_copy && !hold.held) {
      log_(net::LogLevel::info, fmt::format("session {} of an earlier life, or of the host that this one was "
                                            "copied from: left to its lease",
                                            kept.hold.session.value));
      tools_.erase(hold.connection);
      left_to_leases.push_back(kept.hold.session);
      continue;
    }
    log_(net::LogLevel::info, fmt::format("session {} of an earlier life: {}", kept.hold.session.value,
                                          hold.held ? "taken up again" : "its holders are gone"));
    event.holds.push_back(std::move(hold));
  }
  for (const SessionId session : left_to_leases) hold_file_->forget(session);
  remove_left_over_files();
  push(std::move(event));
  return done();
}

// Whether anybody of that session is left.
bool Daemon::take_up(const KeptHold& kept, replica::Recovered::Hold& hold) {
  Tool tool;
  tool.connected = false;
  tool.who.uid = kept.hold.uid;
  tool.process = kept.tool;
  tool.command = kept.command;
  tool.session = kept.hold.session;
  tool.secret = kept.hold.secret;
  tool.file = kept.file;
  tool.maker = kept.maker != 0 ? kept.maker : kept.tool.pid;
  const bool this_boot = kept.boot == boot_;
  if (this_boot && kept.file != 0) {
    auto reopened = Hold::reopen(io_, stock_.path_of(kept.file),
                                 [this, id = hold.connection] { push(replica::HoldersGone{id}); });
    if (reopened) tool.hold = std::move(*reopened);
  }
  tool.holder = kept.holder;
  if (this_boot && kept.holder.pid != 0)
    tool.watch = ProcessWatch::open(io_, kept.holder,
                                    [this, id = hold.connection] { push(replica::HoldersGone{id}); });
  if (this_boot && process::is_running(kept.command))
    tool.group = process::cgroup_made_by(tool.maker, kept.command.pid);
  // What never had the descriptor may have outlived both its wrapper and its peer, but not the machine.
  if (kept.hold.bare && !this_boot) hold.record.pid = 0;
  const bool held = tool.watch || (kept.holder.pid == 0 && tool.hold && tool.hold->held());
  tools_.emplace(hold.connection, std::move(tool));
  return held;
}

// FIFOs of sessions that ended with the process that served them.
void Daemon::remove_left_over_files() {
  std::set<std::string> wanted{".", "..", "holds"};
  std::uint64_t last = 0;
  for (const KeptHold& kept : hold_file_->found()) {
    wanted.insert(std::to_string(kept.file));
    last = std::max(last, kept.file);
  }
  stock_.number_from(last + 1);
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(hold_directory_.c_str()), ::closedir);
  if (!directory) return;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (!wanted.contains(entry->d_name)) ::unlinkat(::dirfd(directory.get()), entry->d_name, 0);
  }
}

void Daemon::perform(replica::SignalHolder&& action) {
  const auto tool = tools_.find(action.connection);
  if (tool == tools_.end() || tool->second.holder.pid == 0) return;
  log_(net::LogLevel::warning, fmt::format("process {} has lost its lock", tool->second.holder.pid));
  (void)process::send_signal(tool->second.holder, static_cast<int>(action.signal));
}

void Daemon::perform(replica::KeepHold&& action) {
  const auto found = tools_.find(action.connection);
  if (found == tools_.end()) return;
  Tool& tool = found->second;
  if (tool.session != action.record.session && tool.connected && tool.holder.pid == 0) {
    tool.recorded = new_hold(tool, action.record.session);
    if (!tool.recorded) return;
  }
  KeptHold kept;
  kept.hold = action.record;
  kept.boot = boot_;
  kept.tool = tool.process;
  kept.command = tool.command;
  kept.holder = tool.holder;
  kept.file = tool.file;
  kept.maker = tool.maker;
  tool.recorded = hold_file_->keep(kept);
}

void Daemon::perform(replica::ForgetHold&& action) {
  hold_file_->forget(action.session);
}

// Where it cannot be written the next life knows of no session that it may close: leases decide.
void Daemon::perform(replica::HoldsCompleteSince&& action) {
  (void)hold_file_->complete_since(action.registration);
}

void Daemon::perform(replica::Moved&& action) {
  const auto from = tools_.find(action.from), to = tools_.find(action.to);
  if (from == tools_.end() || to == tools_.end()) return;
  to->second.hold = std::move(from->second.hold);
  to->second.file = from->second.file;
  if (to->second.command.pid == 0) to->second.command = from->second.command;
  if (to->second.maker == 0) to->second.maker = from->second.maker;
  if (to->second.group.empty()) to->second.group = from->second.group;
  to->second.secret = from->second.secret;
  to->second.session = from->second.session;
  if (to->second.hold) to->second.hold->on_gone([this, id = action.to] { push(replica::HoldersGone{id}); });
  if (from->second.connected && action.from.value < first_recovered)
    server_->close(net::ClientNumber{action.from.value});
  tools_.erase(from);
}

void Daemon::perform(replica::StopCommand&& action) {
  const auto found = tools_.find(action.connection);
  if (found == tools_.end()) return;
  Tool& tool = found->second;
  look_at(action.connection, tool);
  process::Family family;
  if (is_guest(tool)) family.of_user = tool.who.uid;
  if (tool.command.pid != 0 && may_name(tool, tool.command.pid)) family.roots.push_back(tool.command);
  if (tool.hold) family.holding = tool.hold->kept_file();
  family.cgroup = tool.group;
  // The wrapper has the descriptor too: it is not the command, and it has to tell its caller what happened.
  const bool in_place = tool.process == tool.command;  // the tool has become the command
  if (tool.process.pid != 0 && !in_place) family.spared.push_back(tool.process);
  if (tool.process.pid != 0 && !in_place && !family.roots.empty())
    family.orphans = process::Family::Orphans{tool.process, tool.command};
  if (action.bare) {  // it never had the descriptor, and its wrapper is gone
    family.variable = "DLOCK_SESSION";
    family.word = std::to_string(tool.session.value);
  }
  log_(net::LogLevel::warning, fmt::format("session of process {}{}", action.pid,
                                           action.kill ? " is over: its command is killed"
                                                       : " is not renewed: its command is told to end"));
  std::function<void()> gone;
  if (action.confirm)
    gone = [this, id = action.connection, session = tool.session] {
      boost::asio::post(io_, [this, id, session] { command_is_gone(id, session); });
    };
  if (!action.to_the_end) return guard_.stop(std::move(family), action.kill, std::move(gone));
  guard_.stop_to_the_end(std::move(family), std::move(gone), [this, pid = action.pid] {
    boost::asio::post(io_, [this, pid] {
      log_(
          net::LogLevel::error,
          fmt::format("the command (process {}) was killed and has not ended: it sleeps in the kernel, or is "
                      "another user's; nobody else gets its lock until it has",
                      pid));
    });
  });
}

// Its tool may have come back since, on another connection.
void Daemon::command_is_gone(replica::ConnectionId asked_on, SessionId session) {
  const auto has_it = [session](const auto& each) { return each.second.session == session; };
  const auto found = session == SessionId{} ? tools_.end() : std::ranges::find_if(tools_, has_it);
  if (found == tools_.end()) return push(replica::CommandGone{asked_on});
  const Tool& tool = found->second;
  const bool is_wrapper = tool.process.pid != 0 && tool.process != tool.command;
  push(replica::CommandGone{found->first, is_wrapper && process::is_running(tool.process)});
}

void Daemon::perform(replica::SessionOver&& action) {
  const auto found = tools_.find(action.connection);
  if (found == tools_.end()) return;
  if (found->second.connected) server_->close(net::ClientNumber{action.connection.value});
  if (found->second.hold) found->second.hold->remove();
  note_end(found->second);
  // A tool that ends in order removes the group itself; one that was killed could not.
  if (!found->second.connected && !found->second.group.empty()) guard_.remove_group(found->second.group);
  tools_.erase(found);
}

}  // namespace coord::daemon
