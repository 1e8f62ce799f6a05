// SPDX-License-Identifier: MIT
// GET /metrics over HTTP/1.1, for a monitoring system, and nothing else of HTTP.
//
// Whoever can connect may be slow, rude or many: there are at most so many connections, the oldest goes for a
// new one; each has a few seconds for its request and for taking the answer, one request of bounded length,
// and is closed after that. Nothing that it sends is kept or repeated.
//
// Threading: that of the io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "net/address.hpp"

namespace coord::daemon {

class MetricsServer : public std::enable_shared_from_this<MetricsServer> {
 public:
  static constexpr std::size_t most_connections = 16;
  static constexpr std::size_t longest_request = 8192;

  // `page`: made for each request.
  MetricsServer(boost::asio::io_context& io, std::function<std::string()> page,
                Duration patience = std::chrono::seconds(5));

  // A number, or empty: every address.
  Status listen(const net::Address& address);
  void start() { accept(); }
  void stop();
  std::uint16_t port() const;
  std::size_t connections() const { return guests_.size(); }

 private:
  struct Guest {
    explicit Guest(boost::asio::ip::tcp::socket of) : socket(std::move(of)), timer(socket.get_executor()) {}
    boost::asio::ip::tcp::socket socket;
    boost::asio::steady_timer timer;
    std::string request, answer;
  };
  using GuestPtr = std::shared_ptr<Guest>;

  void accept();
  void welcome(boost::asio::ip::tcp::socket socket);
  void read(const GuestPtr& guest);
  void answer(const GuestPtr& guest);
  std::string answer_to(const std::string& request) const;
  void finish(const GuestPtr& guest);
  void close(const GuestPtr& guest);

  boost::asio::io_context& io_;
  const std::function<std::string()> page_;
  const Duration patience_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  std::list<GuestPtr> guests_;  // the oldest first
  bool stopped_ = false;
};

}  // namespace coord::daemon
