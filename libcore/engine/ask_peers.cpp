// SPDX-License-Identifier: MIT
#include "engine/ask_peers.hpp"

#include <utility>
#include <variant>

namespace coord::engine {

Result<local::Peers> ask_peers(LocalConnection& peer, std::optional<Instant> until) {
  if (Status sent = peer.send(local::ListPeers{1}); !sent) return sent.error();
  for (;;) {
    auto answer = peer.wait(until);
    if (!answer) return answer.error();
    if (!*answer) return Error{ErrorKind::unavailable, "peer", "it does not answer", "see its log"};
    if (auto* peers = std::get_if<local::Peers>(&**answer)) return std::move(*peers);
  }
}

}  // namespace coord::engine
