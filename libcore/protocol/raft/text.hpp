// SPDX-License-Identifier: MIT
// Messages as a reader of a trace wants them: one line, places in the log as index@term.
#pragma once

#include <string>

#include "protocol/raft/events.hpp"

namespace coord::raft {

std::string to_text(const Message& message);  // for instance `append term 2 after 3@1 entries 4..6 commit 2`
const char* to_text(Role role);  // `founding`, `follower`, `pre-candidate`, `candidate`, `leader`, `halted`

}  // namespace coord::raft
