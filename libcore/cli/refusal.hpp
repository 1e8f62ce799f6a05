// SPDX-License-Identifier: MIT
// What a peer's refusal is for a tool's exit status: 64 for what cannot be done as asked, 76 where it may
// have been done, else 69. Who treats what is held in another way looks for that first.
#pragma once

#include <string>

#include "base/result.hpp"
#include "wire/local.hpp"

namespace coord::cli {

// `has_stale`: the command has --stale; else the advice to use it, which a peer gives to all
// who ask, is left out.
Error refused_by_peer(const std::string& object, const local::Refused& refused, bool has_stale = false);

// Why, without that advice.
std::string why_of(const local::Refused& refused);

// This host's peer has not the part that was asked: it is another release's, or has none of it.
bool is_without_part(const local::Refused& refused);

}  // namespace coord::cli
