// SPDX-License-Identifier: MIT
// Resource limits of a process that serves others than who happened to start it.
//
// The problem: the first tool starts its user's peer, and all that comes after depends on that peer. A tool
// that was called under `ulimit -f 10` or `ulimit -n 20` hands these on: the peer is killed by SIGXFSZ at its
// log, or has no descriptors for the others. Soft limits are the caller's wish for itself and are raised;
// hard ones are raised where that is allowed, and else, where they are too low, no peer is begun. For the
// process that is about to become a peer; who starts coordd by hand or by a unit has meant its limits.
#pragma once

#include "base/result.hpp"

namespace coord::process {

// Raises the soft limits of this process on what a peer uses (file size, descriptors, memory, time,
// processes) to the hard ones, and those too where it may.
void raise_limits();

// Whether a peer can work under the hard limits of this process: file
// size, descriptors. ErrorKind::unavailable.
Status enough_for_a_peer();

}  // namespace coord::process
