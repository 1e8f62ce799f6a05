// SPDX-License-Identifier: MIT
// What a tool says while it waits for its peers.
#pragma once

#include <string>

#include "wire/local.hpp"

namespace coord::cli {

// Without a quorum: what it waits for, on one line.
std::string waiting_for_majority(const local::Waiting& waiting);

// Somebody sits there who would wonder: standard error is a terminal, and the peer has others to wait for.
// One that is alone has only just begun.
bool wonders_why(bool quiet, local::Scope scope);

}  // namespace coord::cli
