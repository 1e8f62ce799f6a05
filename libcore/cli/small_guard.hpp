// SPDX-License-Identifier: MIT
// The guard of what runs without a wrapper: a command in its tool's own place (dlock -F), and what a command
// has left in the background when its tool ends.
//
// Such processes are guarded by their peer. In a group the peer may be cut off or killed, and with nobody
// left to stop them the lock passes on while they are at work. So a small process of its own, which is
// nobody's child and of no terminal, holds the connection, hears the renewals and stops them in time, alone
// if it must, as the wrapper would. It ends when nobody holds any more, and lets go.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/connect.hpp"
#include "engine/local_connection.hpp"
#include "wire/local.hpp"

namespace coord::cli {

struct GuardTerms {
  std::string tool, object;  // as messages name them
  ConnectOptions peer;
  local::Resume resume;
  Duration ttl{}, grace{};
  Instant sent;            // of the last renewal that succeeded
  bool peer_gone = false;  // the connection is known to be broken
  // This very process is about to become the command: its end is waited for, and what it is stopped for is
  // told on its standard error.
  bool is_command = false;
  std::string cgroup;                  // of the command; removed when it is empty
  std::optional<std::uint8_t> status;  // of the command, for the release
};

// The reading end of a hold that is open here, by which the kernel tells when nobody
// holds any more. Holds nothing.
Descriptor watch_of(int hold);
// Whether somebody holds, of whom `watch` is to tell. One's own `hold` counts as long as it is open.
bool is_held(const Descriptor& watch);

// Starts it. The connection is shared with it until this process ends or is replaced.
Status start_small_guard(GuardTerms terms, engine::LocalConnection& peer, const Descriptor& watch);

}  // namespace coord::cli
