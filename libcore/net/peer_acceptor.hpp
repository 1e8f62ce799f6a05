// SPDX-License-Identifier: MIT
// Where the other peers come in: accepts connections, refuses whoever has not the key or is
// not of the group, receives.
//
// Anybody may connect, so until a hello was accepted a connection may cost little and not for long: each has
// PeerTimes::establish to greet, its frames are small, a refusal is logged at most once a minute a source,
// and there is room for so many at a time (PeerLimits). A new one pushes the oldest out, so that idle ones
// cannot keep peers away; and so that many new ones cannot either,
//   - who has shown the key, in the first bytes of the handshake, is pushed out by its like only;
//   - one source pushes out its own, however fast it is;
//   - all strange addresses together push out none that comes from the address of a peer.
//
// Of one peer one connection is used, the newest: it has restarted or lost the old one.
// Threading: that of the io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/address.hpp"
#include "net/greeting.hpp"
#include "net/log.hpp"
#include "net/peer_link.hpp"
#include "net/refusal_log.hpp"
#include "net/secure_connection.hpp"
#include "net/tls.hpp"
#include "wire/introduction.hpp"

namespace coord::net {

struct PeerLimits {
  // Connections that did not greet yet, about 100 KiB each during the handshake:
  std::size_t strangers = 32;           // without the key, from addresses that are no peer's
  std::size_t strangers_of_source = 8;  // without the key, from one address (IPv6: one network of 64 bits)
  std::size_t greeting_of_peer = 4;     // with the key, under one peer's name
  std::size_t queue_bytes = std::size_t{4}
                            << 20U;  // to one peer; a follower that is further behind asks again
};

class PeerAcceptor : public std::enable_shared_from_this<PeerAcceptor> {
 public:
  struct Handlers {
    std::function<void(const std::string& peer, const wire::PeerHello& hello)> greeted;
    std::function<void(const std::string& peer, wire::Frame&& message)> message;
    std::function<void(const std::string& peer)> gone = [](const std::string&) {};
    // Whoever has the key asks who is here. Nothing: this peer answers no such question.
    std::function<std::optional<wire::Introduction>(const wire::IntroductionQuestion&, const std::string&)>
        asked = [](const wire::IntroductionQuestion&, const std::string&) { return std::nullopt; };
  };

  PeerAcceptor(boost::asio::io_context& io, std::shared_ptr<TlsSettings> tls, const Greeting& greeting,
               PeerTimes times, PeerLimits limits, Handlers handlers, Log log);

  // Binds; an error is ErrorKind::unavailable and names the address.
  Status listen(const Address& address);
  void start();
  void stop();  // handlers are not called any more
  boost::asio::ip::tcp::endpoint local_endpoint() const;
  std::uint16_t port() const { return local_endpoint().port(); }

  // Where a peer comes from; more than one address, or another later, is right.
  void set_addresses(const std::string& peer, const std::vector<boost::asio::ip::address>& addresses) {
    addresses_[peer] = addresses;
  }

  void forget_addresses(const std::string& peer) { addresses_.erase(peer); }

  // Closes what was made with one of these keys, or is being made.
  void drop_keys(const std::set<std::string>& gone);

  bool connected(const std::string& peer) const { return peers_.contains(peer); }
  // And heard of as lately as its pings let expect.
  bool heard_lately(const std::string& peer) const;
  // As it has said on its connection to us; not connected: the first.
  Level level(const std::string& peer) const;
  // Closes what comes from it: it has sent what cannot be read.
  void drop(const std::string& peer, const std::string& why);
  // The greeting has changed: who may not take part any more by what it has said is cut off.
  void judge_anew();
  std::uint64_t received(const std::string& peer) const;
  std::uint64_t refused() const { return refusals_.total(); }
  std::size_t strangers() const { return strangers_.size(); }

 private:
  struct Guest {
    std::shared_ptr<SecureConnection> connection;
    std::string source;   // its address
    std::string network;  // the source that counts
    bool known = false;   // a peer's address
    Instant last_heard;   // a stranger: when it came
    wire::PeerHello hello{};
  };
  using Guests = std::list<Guest>;

  void accept();
  void on_accept(const boost::system::error_code& error, boost::asio::ip::tcp::socket socket);
  void pause(const boost::system::error_code& error);
  void receive_stranger(boost::asio::ip::tcp::socket socket, const boost::asio::ip::address& from);
  bool is_known(const boost::asio::ip::address& address) const;
  void make_room(const std::string& network, bool known);
  void keep_below(std::size_t limit, const std::function<bool(const Guest&)>& alike);
  void on_stranger_frame(Guests::iterator guest, const wire::Frame& frame);
  void introduce(Guests::iterator guest, const wire::Frame& frame);
  void welcome(Guests::iterator guest);
  void on_peer_frame(Guest& guest, wire::Frame&& frame);
  void refuse(Guests::iterator guest, const std::string& why);
  void drop_peer(const std::string& peer, const std::string& why);
  void watch();

  const std::shared_ptr<TlsSettings> tls_;
  const Greeting& greeting_;
  const PeerTimes times_;
  const PeerLimits limits_;
  Handlers handlers_;
  Log log_;
  bool stopped_ = false;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_timer_;
  boost::asio::steady_timer watch_timer_;
  Guests strangers_;  // the oldest first
  std::map<std::string, Guest> peers_;
  std::map<std::string, std::uint64_t> received_;
  std::map<std::string, std::vector<boost::asio::ip::address>> addresses_;  // of peers
  RefusalLog refusals_;
  RefusalLog told_{std::chrono::minutes(1), 64, 10};  // of peers that come and go
};

}  // namespace coord::net
