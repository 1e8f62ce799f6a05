// SPDX-License-Identifier: MIT
// What must be true of the disks of a ring: looked at from outside, as no host could.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "node/part.hpp"
#include "ring/memory_storage.hpp"
#include "service/rings/state.hpp"

namespace coord::catalogue {

using RingTables = std::map<NodeId, ring::MemoryTable>;

struct RingObjection {
  std::string check;
  std::string why;
};

// What a host drops because others are to keep it, all of those have. `known`: the ring as that host
// knows it.
std::optional<RingObjection> objection_to_drop(const node::Work& work, const service::Ring& known,
                                               const RingTables& tables);
// In the end all copies are the same, on those hosts whose they are, and no record of a removal is left.
std::optional<RingObjection> objection_to_disks(const service::Ring& ring, const RingTables& tables);

}  // namespace coord::catalogue
