// Messages between the peers of a group: one TCP port, TLS with the cluster's key, frames.
//
// send() never blocks and never fails loudly: a message that cannot go now (no connection, a full queue) is
// dropped and counted, for Raft sends again what matters; what it does deliver arrives whole, once, in order,
// and from the peer named. A slow or dead peer holds up nobody else. Whoever has the key is a peer: a peer is
// believed what it says of its users.
//
// Threading: all of it on the io_context's one thread, handlers included. A handler may call send() and
// stop().
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "net/address.hpp"
#include "net/greeting.hpp"
#include "net/key_file.hpp"
#include "net/log.hpp"
#include "net/peer_acceptor.hpp"
#include "net/peer_link.hpp"

namespace coord::net {

struct PeerConfig {
  std::string self;  // one of `peers`
  Address listen;
  std::map<std::string, Address> peers;  // the whole group, alike on every host
  KeyRing keys;
  std::string software;  // for listings, as in "coordd 0.1.0"
  PeerTimes times = {};
  PeerLimits limits = {};
};

struct PeerHandlers {
  std::function<void(const std::string& peer, Bytes&& message)> message;
  std::function<void(const std::string& peer)> up = [](const std::string&) {
  };  // send() reaches it from now on
  std::function<void(const std::string& peer)> down = [](const std::string&) {};
};

struct PeerStatus {
  std::string name;
  Address address;
  LinkStatus link;             // towards it
  bool incoming = false;       // it is connected to us
  std::uint64_t received = 0;  // messages
};

class PeerTransport {
 public:
  // Listens; an address that cannot be had is ErrorKind::unavailable, a wrong list of peers ErrorKind::usage.
  static Result<std::unique_ptr<PeerTransport>> open(boost::asio::io_context& io, PeerConfig config,
                                                     PeerHandlers handlers, Log log);
  ~PeerTransport();
  PeerTransport(const PeerTransport&) = delete;
  PeerTransport& operator=(const PeerTransport&) = delete;

  // Begins to accept and to dial.
  void start();
  // Closes everything; no handler is called any more.
  void stop();
  // To another peer of the group (checked). False: dropped, also if it is above wire::stream_payload_limit.
  bool send(const std::string& peer, ByteView message);

  // Used for connections from now on; those that stand go on.
  void set_keys(KeyRing keys) { tls_->set_keys(std::move(keys)); }
  std::vector<PeerStatus> status() const;  // sorted by name, without this peer
  std::uint64_t refused() const { return acceptor_->refused(); }
  std::uint16_t port() const { return acceptor_->port(); }

 private:
  PeerTransport(boost::asio::io_context& io, PeerConfig config, PeerHandlers handlers, Log log);

  const PeerConfig config_;
  PeerHandlers handlers_;
  const Greeting greeting_;
  const std::shared_ptr<TlsSettings> tls_;
  std::shared_ptr<PeerAcceptor> acceptor_;
  std::map<std::string, std::shared_ptr<PeerLink>> links_;
};

}  // namespace coord::net
