// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "base/time.hpp"
#include "net/name_lookups.hpp"

namespace coord::net {

// It is, or is the name of, an address of one of this host's own networks. Nothing: no name server has told
// that within `patience`.
std::optional<bool> is_local(const std::string& host, Duration patience);
// The same of what a look-up has found.
std::optional<bool> is_local(const NameLookup::Found& found);

}  // namespace coord::net
