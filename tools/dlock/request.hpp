// What dlock asks its peer for, from what its user asked for.
#pragma once

#include "dlock/settings.hpp"
#include "wire/local.hpp"

namespace coord::dlock {

local::Acquire request_of(const Settings& settings);

}  // namespace coord::dlock
