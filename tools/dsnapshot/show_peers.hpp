// SPDX-License-Identifier: MIT
// A snapshot of the group itself on one screen.
#pragma once

#include "snapshot/record.hpp"

namespace coord::dsnapshot {

// `each`: the messages on their way one by one, where they were recorded.
void show_peers(const record::Snapshot& snapshot, bool each);

}  // namespace coord::dsnapshot
