// SPDX-License-Identifier: MIT
// What a peer does beside the replicated service: its parts, and who does their slow work. parts.cpp has all
// of them. parts_of_members.cpp has but the one that every group needs, for a peer that is built in a
// fraction of the time (cmake -DCOORD_PARTS=members): locks, leaderships, barriers and values are all there.
#pragma once

#include <cstdint>
#include <string>

#include "coordd/trace_log.hpp"
#include "net/log.hpp"
#include "node/node.hpp"

namespace coord::coordd {

struct RingQuota {  // of a user, on this host
  std::uint64_t keys = 0, bytes = 0;
};

// What was asked for that these parts do not have (64).
Status check_parts(const std::string& trace_log);
node::Parts make_parts(const node::Setting& setting, const std::string& directory, const net::Log& log,
                       TraceLog* trace_log);
node::Workers make_workers(NodeId self, const std::string& directory, bool alone, const RingQuota& quota);

}  // namespace coord::coordd
