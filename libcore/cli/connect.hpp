// SPDX-License-Identifier: MIT
// The peer that a tool talks to, found by the options that all tools share.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/common.hpp"
#include "engine/local_connection.hpp"

namespace coord::cli {

// Connects to this host's peer. ErrorKind::unavailable: no socket is known, none answers, or it is of another
// scope than was asked for.
// `first` is the tool's first request: it may be sent together with the greeting, or after it. `meanwhile` is
// for what can be done while the peer is at work: called once for each time that one is tried.
Result<engine::LocalConnection> connect_to_peer(const ConnectOptions& options, const std::string& tool);

// The same options for a tool that waits so long (-w), or not at all (-n): a peer that is there and does not
// greet, for it is stopped or hangs, gets no longer than that. One that the tool has to
// start has its own time.
ConnectOptions in_time(ConnectOptions options, const std::optional<Duration>& wait, bool no_wait = false);

Result<engine::LocalConnection> connect_to_peer(const ConnectOptions& options, const std::string& tool,
                                                const engine::Spoken& first,
                                                const std::function<void()>& meanwhile = {});

// To the same peer after its connection broke, started again where tools may start it. Waits for nothing but
// the start: its greeting comes by receive(). An error: not now.
struct Again {
  engine::LocalConnection peer;
  pid_t started = 0;  // the peer's process if we have started it: our child, should we be a subreaper
};
Result<Again> connect_again(const ConnectOptions& options, const std::string& tool);

// What a peer that was started by a tool and has ended said last; may be empty.
std::string why_it_ended(const ConnectOptions& options);

// A peer answers what is not to wait when it has waited for a leader and for its log (replica/hurry.hpp): by
// then at the latest, counted from its greeting or the asking, whichever is later. One that has not is
// stopped, or hangs.
Instant must_answer_by(const engine::LocalConnection& peer, Instant asked);

// Why there is no quorum: the group has not begun, and the peer says what it waits for, or else.
std::string no_quorum_text(const std::string& not_begun);

// Behind an engine, a word about a lease that does not outlast a change of the engine's leader.
void warn_of_short_lease(const std::string& tool, const ConnectOptions& options, local::Scope scope,
                         Duration ttl);

// How long to wait between two tries: 10 ms, then twice as long, up to a quarter of a second.
class BackOff {
 public:
  Duration next() {
    return std::exchange(pause_, std::min<Duration>(2 * pause_, std::chrono::milliseconds(250)));
  }
  void reset() { pause_ = std::chrono::milliseconds(10); }

 private:
  Duration pause_ = std::chrono::milliseconds(10);
};

}  // namespace coord::cli
