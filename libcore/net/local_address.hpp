// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "base/time.hpp"

namespace coord::net {

// It is, or is the name of, an address of one of this host's own networks. Nothing: a name server has not
// answered within `patience`.
std::optional<bool> is_local(const std::string& host, Duration patience);

}  // namespace coord::net
