// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace coord::net {

// A number of one of this host's own networks; not a name.
bool is_local(const std::string& host);

}  // namespace coord::net
