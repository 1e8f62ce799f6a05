// SPDX-License-Identifier: MIT
// What a tool's peer knows of the group's peers.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "base/time.hpp"
#include "engine/local_connection.hpp"
#include "wire/local.hpp"

namespace coord::engine {

// Other messages meanwhile are passed over: for a connection that asks nothing else. Unavailable: no answer
// until then.
Result<local::Peers> ask_peers(LocalConnection& peer, std::optional<Instant> until = std::nullopt);

}  // namespace coord::engine
