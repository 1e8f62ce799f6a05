// SPDX-License-Identifier: MIT
// Who holds a lock, asked of the group, for the modes that act on it.
#pragma once

#include <string>

#include "base/result.hpp"
#include "engine/local_connection.hpp"
#include "wire/local.hpp"

namespace coord::dlock {

struct Holders {
  WallTime as_of;
  local::LockRecord lock;  // without its waiters; no holders: the lock is free
};
// Linearizable; ErrorKind::unavailable without a quorum. The connection has no other request on its way.
Result<Holders> holders_of(engine::LocalConnection& peer, const std::string& name);

// As --list shows them.
std::string shown_holders(const Holders& holders);

}  // namespace coord::dlock
