// SPDX-License-Identifier: MIT
// The key by which this peer signs, made at its first start, and the others' that are pinned.
#pragma once

#include <string>

#include "agreements/signing.hpp"
#include "net/log.hpp"

namespace coord::coordd {

// In the state directory: `signing-key`, which only its owner may read, and `peer-keys`. Where one of them
// cannot be read this peer signs nothing and believes nobody, and the log says why.
agreements::Keys stored_keys(const std::string& directory, const net::Log& log);

}  // namespace coord::coordd
