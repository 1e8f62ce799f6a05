// SPDX-License-Identifier: MIT
// Peers on loopback, each with its transport, all in this thread.
#pragma once

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/peer_transport.hpp"

namespace coord::net::test {

using boost::asio::ip::tcp;
using namespace std::chrono_literals;

// A key from one byte.
inline ClusterKey key(std::string id, std::uint8_t byte) {
  return {std::move(id), SecretKey(Bytes(key_size, byte))};
}

// Below the range from which outgoing connections (of other tests at the same time) take theirs, and begun
// elsewhere by each process.
inline std::uint16_t free_port() {
  static unsigned next = static_cast<unsigned>(::getpid()) * 37U;
  boost::asio::io_context io;
  for (;;) {
    const tcp::endpoint endpoint(boost::asio::ip::address_v4::loopback(),
                                 static_cast<std::uint16_t>(20000U + next++ % 12000U));
    tcp::acceptor acceptor(io, endpoint.protocol());
    boost::system::error_code taken;
    acceptor.bind(endpoint, taken);
    if (!taken) return endpoint.port();
  }
}

inline Address loopback(std::uint16_t port) {
  return {"127.0.0.1", port};
}

inline std::map<std::string, Address> peers_named(const std::vector<std::string>& names) {
  std::map<std::string, Address> peers;
  for (const auto& name : names) peers[name] = loopback(free_port());
  return peers;
}

// Times short enough to wait for in a test.
inline PeerTimes short_times() {
  PeerTimes times;
  times.establish = 300ms;
  times.backoff_high = 100ms;
  times.ping_every = 50ms;
  times.pong_within = 400ms;
  times.silence_within = 1s;
  return times;
}

// Runs `io` until the condition holds; false: it did not within `patience`.
template <class Condition>
bool run_until(boost::asio::io_context& io, Condition condition, std::chrono::milliseconds patience = 10s) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    io.restart();
    io.run_one_for(10ms);
  }
  return true;
}

inline void run_for(boost::asio::io_context& io, std::chrono::milliseconds time) {
  run_until(
      io, [] { return false; }, time);
}

struct Peer {
  std::vector<std::pair<std::string, Bytes>> inbox;
  std::vector<std::string> log;
  int times_greeted = 0;
  std::unique_ptr<PeerTransport> transport;

  bool up(const std::string& peer) const {
    for (const auto& status : transport->status())
      if (status.name == peer) return status.link.up && status.incoming;
    return false;
  }
  LinkStatus link(const std::string& peer) const {
    for (const auto& status : transport->status())
      if (status.name == peer) return status.link;
    return {};
  }
  bool logged(const std::string& text) const { return times_logged(text) > 0; }
  int times_logged(const std::string& text) const {
    int times = 0;
    for (const auto& line : log) times += line.find(text) != std::string::npos ? 1 : 0;
    return times;
  }
};

// All are founders; those of `on_demand` do not vote.
inline Roster roster_of(const std::map<std::string, Address>& peers,
                        const std::vector<std::string>& on_demand = {}) {
  Roster roster;
  for (const auto& [name, address] : peers) REQUIRE(roster.found(name, address).ok());
  for (const std::string& name : on_demand) roster.set_voter(roster.id_of(name), false);
  return roster;
}

inline PeerConfig config_of(const std::string& name, const std::map<std::string, Address>& peers) {
  return {name, peers.at(name), roster_of(peers), KeyRing({key("k1", 1)}), "test 1.0", short_times(), {}};
}

inline std::unique_ptr<Peer> start_peer(boost::asio::io_context& io, PeerConfig config) {
  auto peer = std::make_unique<Peer>();
  PeerHandlers handlers{[p = peer.get()](const std::string& from, wire::Frame&& message) {
    p->inbox.emplace_back(from, std::move(message.payload));
  }};
  handlers.greeted = [p = peer.get()](const std::string&, const wire::PeerHello&) { ++p->times_greeted; };
  auto transport =
      PeerTransport::open(io, std::move(config), std::move(handlers),
                          [p = peer.get()](LogLevel, const std::string& line) { p->log.push_back(line); });
  peer->transport = std::move(transport).value();
  peer->transport->start();
  return peer;
}

inline bool connected(boost::asio::io_context& io, const Peer& a, const std::string& a_name, const Peer& b,
                      const std::string& b_name) {
  return run_until(io, [&] { return a.up(b_name) && b.up(a_name); });
}

}  // namespace coord::net::test
