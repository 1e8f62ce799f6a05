// SPDX-License-Identifier: MIT
// One connection to one server of an engine, with TLS or without: bytes in, bytes out. Of driver.cpp only.
// Threading: all of it on the io_context's one thread; a name is looked up on asio's own.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/bytes.hpp"

namespace coord::engines {

class Line : public std::enable_shared_from_this<Line> {
 public:
  struct Way {
    std::string host;
    std::uint16_t port = 0;
    bool tls = false;
    Bytes before_tls{};  // what asks the server whether it has TLS; it says `S`
    std::string without_tls{};
    std::size_t first = 0;  // of the addresses that the name has
  };
  // Nothing is said after close().
  struct Heard {
    std::function<void()> stands;
    std::function<void(ByteView bytes)> bytes;
    std::function<void(std::string why)> broke;
  };
  Line(boost::asio::io_context& io, boost::asio::ssl::context& context, Way way, Heard heard);

  void begin();
  void send(Bytes bytes);
  void read();  // from now on
  void close();

 private:
  void connected();
  void ask_for_tls();
  void shake_hands();
  void ready();
  void write_next();
  void fail(std::string why);

  const Way way_;
  const Heard heard_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
  boost::asio::steady_timer limit_;
  std::array<std::uint8_t, 65536> buffer_{};
  std::deque<Bytes> unsent_;
  std::size_t unsent_bytes_ = 0;
  bool writing_ = false, stands_ = false, closed_ = false;
};

}  // namespace coord::engines
