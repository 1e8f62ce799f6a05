// The peer that a tool talks to, found by the options that all tools share.
#pragma once

#include <string>

#include "base/result.hpp"
#include "cli/common.hpp"
#include "engine/peer_connection.hpp"

namespace coord::cli {

// Connects to this host's peer. ErrorKind::unavailable: no socket is known, none answers, or it is of another
// scope than was asked for.
// `first` is the tool's first request: it may be sent together with the greeting, or after it.
Result<engine::PeerConnection> connect_to_peer(const PeerOptions& options, const std::string& tool);
Result<engine::PeerConnection> connect_to_peer(const PeerOptions& options, const std::string& tool,
                                               const local::Request& first);

}  // namespace coord::cli
