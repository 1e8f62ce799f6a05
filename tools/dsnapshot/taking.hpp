// SPDX-License-Identifier: MIT
// One snapshot of a group of processes, taken by a visitor of it.
#pragma once

#include "cut/collector.hpp"
#include "group_line.hpp"

namespace coord::dsnapshot {

WallTime wall_now();

struct Taken : cut::Collector::Collected {
  std::string owner;                            // the user whose group it is
  std::optional<engine::LocalConnection> peer;  // by which it was taken
};

// Begins once more if the view changes meanwhile; a second time it is incomplete. The id is of the time and
// of this taking. Without members: nobody is in the group. An Error: who is cannot be known.
Result<Taken> take_one(const cli::ConnectOptions& peer, const std::string& group, Duration patience);
// Says that nobody is: status 1.
cli::Exit nobody_in(const std::string& group);

}  // namespace coord::dsnapshot
