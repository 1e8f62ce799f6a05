// SPDX-License-Identifier: MIT
// The UDP socket around SealedDatagrams, on the port that TCP has.
//
// Nothing here waits: what does not go at once is dropped and counted, as the network itself drops. A flood
// costs at most `datagrams_a_turn` of them before everything else has its turn; what the kernel holds no room
// for is lost. Without a socket (the port is taken, no UDP here) all goes on without datagrams.
//
// Threading: that of the io_context.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/level.hpp"
#include "base/result.hpp"
#include "net/log.hpp"
#include "net/refusal_log.hpp"
#include "net/sealed_datagrams.hpp"
#include "wire/frame.hpp"

namespace coord::net {

class DatagramSocket : public std::enable_shared_from_this<DatagramSocket> {
 public:
  using OnMessage = std::function<void(const std::string& peer, wire::Frame&& message)>;

  DatagramSocket(boost::asio::io_context& io, SealedDatagrams::Config config, OnMessage on_message, Log log);

  // Binds; an error leaves it without a socket, and everything else works.
  Status listen(const boost::asio::ip::udp::endpoint& endpoint);
  void start();
  void stop();  // the handler is not called any more

  // Where a peer is, the likeliest first: the first that can be reached from here is the only place that
  // anything for it goes to.
  void set_addresses(const std::string& peer, const std::vector<boost::asio::ip::address>& addresses,
                     std::uint16_t port);
  // False: dropped, for it is above datagram_message_limit, or nobody there has answered yet, or it does
  // not go now.
  // `version`: the level of the message (a frame's version).
  bool send(const std::string& peer, ByteView message, Level version = first_level,
            wire::FrameType type = wire::FrameType::message);
  void hurry(const std::string& peer);
  void greeted(const std::string& peer);
  void set_peers(const std::map<std::string, SealedDatagrams::Other>& others);
  void set_keys(KeyRing keys) { datagrams_.set_keys(std::move(keys)); }

  bool is_open() const { return socket_.is_open(); }
  DatagramStatus status(const std::string& peer) const { return datagrams_.status(peer); }
  std::uint64_t dropped(const std::string& peer) const;
  std::uint64_t foreign() const { return datagrams_.foreign() + oversized_; }

 private:
  void wait();
  void read_some();
  void take(ByteView datagram, const boost::asio::ip::udp::endpoint& from);
  void note_unopened(const boost::asio::ip::udp::endpoint& from);
  void tick();
  void arm();
  bool transmit(const std::string& peer, const Bytes& datagram);

  std::string self_;
  SealedDatagrams datagrams_;
  OnMessage on_message_;
  Log log_;
  RefusalLog troubles_;
  boost::asio::ip::udp::socket socket_;
  boost::asio::steady_timer timer_;
  std::map<std::string, boost::asio::ip::udp::endpoint> addresses_;
  std::map<std::string, std::uint64_t> dropped_;
  std::uint64_t oversized_ = 0;
  std::optional<Instant> unopened_since_;  // a minute in which those are counted that do not open
  std::uint32_t unopened_ = 0;             // in it
  std::array<std::uint8_t, largest_datagram + 1> buffer_{};  // one byte more: what does not fit is seen
  bool stopped_ = false;
};

}  // namespace coord::net
