// The guard of a command that runs in dlock's own place (-F).
//
// Such a command has no wrapper; its peer guards it. In a group the peer may be cut off or killed: then a
// small process of its own, which is nobody's child and of no terminal, holds the connection, hears the
// renewals and stops the command in time, alone if it must, as the wrapper would.
#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "dlock/settings.hpp"
#include "engine/peer_connection.hpp"

namespace coord::dlock {

// Starts it for this very process, which is about to become the command. `sent`: of the grant. The connection
// is shared with it until this process is replaced.
Status start_guard(const Settings& settings, engine::PeerConnection& peer, const local::Resume& resume,
                   int hold, Instant sent);

}  // namespace coord::dlock
