// SPDX-License-Identifier: MIT
// A tool of this host, as its peer knows it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "daemon/hold.hpp"
#include "daemon/process_watch.hpp"
#include "daemon/removals.hpp"
#include "net/unix_server.hpp"
#include "process/process_id.hpp"
#include "wire/frame.hpp"
#include "wire/local.hpp"

namespace coord::daemon {

struct Tool {
  net::Credentials who;
  std::string user;
  bool known = false;                // `user` is
  std::vector<wire::Frame> waiting;  // what it has said before that
  bool connected = true;
  bool asked = false;          // something, since its greeting
  Instant greeted;             // when it was
  std::uint32_t speaks = 1;    // of the tools' protocol, both ends
  SessionId session;           // once something was granted on it
  std::unique_ptr<Hold> hold;  // of the session
  std::uint64_t file = 0;      // of the hold: its number
  local::Secret secret{};
  std::uint64_t since = 0;     // when it came, in clock ticks
  process::ProcessId process;  // the tool; pid 0: not looked at yet
  process::ProcessId command;  // once it runs
  pid_t maker = 0;             // of its control group: the tool by its number in its own PID namespace
  std::string group;           // the control group that the tool has made for it; empty: none
  process::ProcessId holder;   // the process that holds instead of who has a descriptor; pid 0: none
  std::unique_ptr<ProcessWatch> watch;
  Status recorded = done();  // its hold
  // What it asks to hold, for the audit and the metrics (daemon_meters.cpp).
  std::string asked_for;            // in words, of bounded length
  std::string asked_names;          // as they are, likewise
  std::vector<std::string> listed;  // those of metrics_names among them
  std::optional<Instant> asked_at, granted_at;
  bool loss_told = false;  // of this grant
  Token token;
  Removals removals;
};

// Counted.
struct Traffic {
  std::map<std::string, std::uint64_t> sent, received;  // by kind of message
  std::map<std::string, std::uint64_t> unreadable;      // by peer
};

}  // namespace coord::daemon
