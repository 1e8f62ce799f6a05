// SPDX-License-Identifier: MIT
// What a peer looks after every second: that tools find its socket, that --rejoin was meant once, and the
// rates of the clocks.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/format.hpp"
#include "daemon/daemon.hpp"

namespace coord::daemon {

// Sockets vanish: with /run/user/UID at a logout, by somebody's rm. Nobody else could bring it back, for this
// peer keeps the state directory.
void Daemon::look_at_socket() {
  struct stat status {};
  if (::lstat(socket_.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    const Status listening = listen_again();
    if (!listening && !socket_told_)
      log_(net::LogLevel::error,
           fmt::format("its socket is gone, and no tool reaches it: {}", listening.error().text()));
    socket_told_ = !listening.ok();
  }
  if (settings_.options.given_up) push(replica::Tick{});
  forget_rejoin_file();
  look_at_rates();
  socket_timer_.expires_after(std::chrono::seconds(1));
  socket_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !ended_) look_at_socket();
  });
}

// Once it has caught up: until then a start in between is to go on with it. Or it does not vote, and has no
// log that could.
void Daemon::forget_rejoin_file() {
  if (!rejoin_asked_by_file_) return;
  if (wants_vote_ && !votes_for_good()) return;
  const replica::Replica* const voter = node_->voter();
  if (voter != nullptr && (voter->raft().recovering() || voter->raft().role() == raft::Role::bootstrap))
    return;
  rejoin_asked_by_file_ = wants_vote_ = false;
  (void)::unlink((fmt::format("{}/{}", settings_.options.state_dir, rejoin_file_name)).c_str());
  log_(net::LogLevel::info,
       fmt::format("it {}: the file that asked for --rejoin is removed",
                   voter != nullptr ? "has caught up with the group" : "is of the group without a vote"));
}

Status Daemon::listen_again() {
  std::string path = socket_;
  if (settings_.options.elsewhere) {
    auto elsewhere = settings_.options.elsewhere();
    if (!elsewhere) return elsewhere.error();
    path = std::move(*elsewhere);
  }
  if (Status listening = server_->listen_again(path); !listening) return listening;
  socket_ = path;
  log_(net::LogLevel::warning, fmt::format("its socket was gone: tools come in at {} now", path));
  return lock_->announce(path);
}

}  // namespace coord::daemon
