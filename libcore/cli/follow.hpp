// SPDX-License-Identifier: MIT
// A tool's --watch: what a peer tells, for as long as the tool runs, across restarts of the peer.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "cli/common.hpp"
#include "cli/exit_status.hpp"
#include "engine/local_connection.hpp"

namespace coord::cli {

struct Following {
  std::string tool;
  bool quiet = false;
  // Runs on one connection until that breaks, which is its Error, or until our output does, which is
  // `output`; nothing: what it is followed for is done, and `ended` says how.
  std::function<std::optional<Error>(engine::LocalConnection& peer, Status& output)> follow;
  // One try to come to the peer again.
  std::function<Result<engine::LocalConnection>()> again;
  std::function<Result<Exit>()> ended{};
};

// Ends by an error of the output, or by one of kind usage: the peer will never tell this. A peer that is away
// is told of once; the pauses between two tries grow.
Result<Exit> follow_peer(engine::LocalConnection peer, const Following& following);

// The next answer. A watch can wait for hours for it, and would not notice until then
// that its reader has gone
// (`| head -1`): once nobody reads standard output any more this program ends as by a write to it, by
// SIGPIPE, or, where that is ignored, with `output`.
Result<local::Answer> next_answer(engine::LocalConnection& peer, Status& output);
// The same while nothing is asked, for so long.
Status pause_while_read(Duration how_long);

// For `again`: to the peer that the options name, started where tools may start it. Its greeting is waited
// for until `end`, and not for long.
Result<engine::LocalConnection> connect_to_peer_again(const ConnectOptions& options, const std::string& tool,
                                                      std::optional<Instant> end = {});

}  // namespace coord::cli
