// SPDX-License-Identifier: MIT
// What a peer does before it ends because it is idle.
#pragma once

#include "replica/ordered_log.hpp"

namespace coord::daemon {

// Nobody holds anything: the moment to go on to the level that this release knows. A peer that ends when it
// is idle seldom lives until it would do so by itself. Only where the log is its own: a gateway's is of all
// hosts that use the engine, and an idle minute of one of them says nothing of the others.
inline bool raises_before_it_ends(bool is_gateway, const replica::LevelView& view) {
  return !is_gateway && view.next > view.level && view.missing.empty();
}

}  // namespace coord::daemon
