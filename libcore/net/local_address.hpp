// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "base/time.hpp"

namespace coord::net {

// It is, or is the name of, an address of one of this host's own networks. Waits no longer than `patience`
// for a name server: what is not known until then is none.
bool is_local(const std::string& host, Duration patience);

}  // namespace coord::net
