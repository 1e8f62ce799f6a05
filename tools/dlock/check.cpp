// SPDX-License-Identifier: MIT
// dlock --check: whether a token is a current holder's.
#include "cli/connect.hpp"
#include "dlock/listing.hpp"
#include "dlock/settings.hpp"

namespace coord::dlock {

Result<cli::Exit> check_token(const Settings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "dlock");
  if (!peer) return peer.error();
  const auto holders = holders_of(*peer, settings.names.front());
  if (!holders) return holders.error();
  for (const local::LockParty& holder : holders->lock.holders) {
    if (holder.token.value == *settings.token) return cli::Exit::done;
  }
  return cli::Exit::no;
}

}  // namespace coord::dlock
