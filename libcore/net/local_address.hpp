// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace coord::net {

// It is, or is the name of, an address of one of this host's own networks. A name is looked up, which blocks.
bool is_local(const std::string& host);

}  // namespace coord::net
