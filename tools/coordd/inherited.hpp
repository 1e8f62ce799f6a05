// SPDX-License-Identifier: MIT
// What a group's peer takes over of the peers alone that were on its host before it.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "coordd/arguments.hpp"

namespace coord::coordd {

// The highest token that any of them may have given: of the files that are named, and of what the host's peer
// and this user's private one have left. An error: the host's peer has not handed over, and /etc would put
// the group in its place; or a file cannot be read.
Result<Token> inherited_tokens(const Arguments& arguments);

// Error: this host's peer for all users has been used, and has not made way.
Status host_has_handed_over();

}  // namespace coord::coordd
