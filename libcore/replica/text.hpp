// SPDX-License-Identifier: MIT
// What is said and done in a group, in the words of the golden traces: for logs and for traces of the
// simulator. One line each, of bounded length; names are quoted and escaped; no secret, value or command line
// is in it.
#pragma once

#include <string>

#include "base/level.hpp"
#include "protocol/raft/types.hpp"
#include "replica/engine_verbs.hpp"
#include "replica/messages.hpp"
#include "service/commands.hpp"
#include "service/effects.hpp"
#include "wire/local.hpp"

namespace coord::replica {

// `vote request term 3 log 4@2`, `forward 7:12 acquire session 7 request 1 'x'`.
std::string to_text(const PeerMessage& message, Level level);
// Client and number, then what it does.
std::string to_text(const service::Command& command);
std::string to_text(const service::Effect& effect);
// `6@2 7:12 acquire ...`.
std::string to_text(const raft::Entry& entry);
std::string to_text(const local::Request& request);
std::string to_text(const local::Answer& answer);
// `append epoch 3 7:12 acquire ...`: what a gateway asks of its engine.
std::string to_text(const engine::Request& request);
// `entry 17 7:12 acquire ...`: what that tells.
std::string to_text(const engine::Told& told);

}  // namespace coord::replica
