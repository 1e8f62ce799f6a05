#include "cli/peer.hpp"

namespace coord::cli {

Result<engine::PeerConnection> connect_to_peer(const PeerOptions& options, const std::string& tool) {
  if (options.socket.empty()) {
    return Error{ErrorKind::unavailable, "--socket", "no peer is known",
                 "start coordd, then name its socket here or in COORD_SOCKET"};
  }
  auto peer = engine::PeerConnection::open(options.socket, tool);
  if (!peer) return peer;
  const bool is_private = peer->welcome().scope == local::Scope::private_peer;
  if (options.scope == Scope::cluster && is_private) {
    return Error{ErrorKind::unavailable, options.socket, "this host's peer is private, it has no others",
                 "give coordd --peers and --key-file, or ask for --scope private"};
  }
  if (options.scope == Scope::private_peer && !is_private) {
    return Error{ErrorKind::unavailable, options.socket, "this host's peer belongs to a group",
                 "ask for --scope cluster, or leave --scope away"};
  }
  return peer;
}

}  // namespace coord::cli
