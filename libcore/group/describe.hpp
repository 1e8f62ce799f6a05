// SPDX-License-Identifier: MIT
// A peer's own record for a snapshot of the group.
#pragma once

#include "node/part.hpp"
#include "snapshot/peers.hpp"

namespace coord::group {

// All but its name and its links. Of what it holds, as much as `most_bytes` of text take.
record::Peer describe(const replica::ReplicatedService& service, const node::Moment& moment,
                      std::size_t most_bytes);

}  // namespace coord::group
