// SPDX-License-Identifier: MIT
// What dlock asks its peer for, from what its user asked for.
#pragma once

#include <vector>

#include "base/descriptor.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "dlock/settings.hpp"
#include "wire/local.hpp"

namespace coord::dlock {

// The innermost sessions that this runs under, as the environment says: what is not a number is not ours.
std::vector<SessionId> outer_sessions();

local::Acquire request_of(const Settings& settings);

// pidfd of the process that holds, with --acquire and --release (not open: the kernel has none). An error: it
// does not run, or is none that can be named.
Result<Descriptor> open_holder(const Settings& settings);

}  // namespace coord::dlock
