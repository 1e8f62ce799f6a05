// SPDX-License-Identifier: MIT
// Which ring a host has copies for.
#pragma once

#include <algorithm>
#include <string>

#include "service/rings/state.hpp"

namespace coord::daemon {

// A ring that the host is in, or comes to or leaves; null: it is in none.
inline const std::string* ring_of(const service::KeptRings& rings, NodeId host) {
  const auto is_it = [host](const service::RingHost& each) { return each.host == host; };
  for (const auto& [name, ring] : rings.rings) {
    if (std::ranges::any_of(ring.hosts, is_it) || std::ranges::any_of(ring.before, is_it)) return &name;
  }
  return nullptr;
}

}  // namespace coord::daemon
