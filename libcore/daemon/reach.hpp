// SPDX-License-Identifier: MIT
// What this peer knows of the way to another one, in the words of dpeers and its doctor.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "net/peer_transport.hpp"

namespace coord::daemon {

using Troubles = std::vector<std::pair<std::string, std::string>>;  // of a peer: what

// "alive": connected in both directions; "suspect": in one; "dead": in none. A link that the other one makes
// on demand need not be there.
std::string state_of(const net::PeerStatus& status);
// `status.name` has been heard since `asked`. One whose datagrams came until then is to send another one: its
// connection stands for a while after its death. Where none came, the connection is all there is to go by.
bool lives_since(const net::PeerStatus& status, Instant asked);
// Of the states that one peer sees another in: alive, suspect, dead, left, in this order.
std::string worse_state(const std::string& one, const std::string& other);

// Adds what is wrong with the way to that peer. Datagrams that do not get through come first, in words that
// begin with "datagrams: "; `software` is this peer's own.
void add_troubles(const net::PeerStatus& status, Instant now, const std::string& software,
                  Troubles& troubles);

}  // namespace coord::daemon
