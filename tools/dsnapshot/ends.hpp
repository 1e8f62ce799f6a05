// SPDX-License-Identifier: MIT
// How processes of a group have ended, as the replicated service remembers it.
#pragma once

#include <string>

#include "cli/common.hpp"

namespace coord::dsnapshot {

struct Ends {
  bool any = false;   // somebody was in the group, now or before
  std::string badly;  // "P3 has ended with 1"; empty: all that have ended have done so with 0
};
// Of the processes of this run of the group: those that are there, those that were there together with one of
// them, and so on.
Result<Ends> ends_in(const cli::ConnectOptions& peer, const std::string& group);

}  // namespace coord::dsnapshot
