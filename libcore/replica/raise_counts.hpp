// SPDX-License-Identifier: MIT
// Who must know a level before the group is raised to it (base/level.hpp): all who are sent the log, for an
// entry of a level that it does not know halts a host. All decide alike, by who votes and learns at the place
// of the raise; in a group at level 1 nobody learns.
#pragma once

#include <vector>

#include "base/level.hpp"
#include "protocol/raft/raft.hpp"

namespace coord::replica {

// Who votes and who learns as of an entry that was applied.
inline raft::Voters voters_of(const raft::Raft& raft, LogIndex index) {
  raft::Voters said = raft.voters_said_at(index);
  return said.empty() ? raft::Voters{raft.voters_at(index), {}} : said;
}
// In a group at level `now`; voters first.
std::vector<NodeId> who_must_know(const raft::Voters& voters, Level now);

}  // namespace coord::replica
