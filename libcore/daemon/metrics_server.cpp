// SPDX-License-Identifier: MIT
#include "daemon/metrics_server.hpp"

#include <fcntl.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string_view>
#include <vector>

#include "base/format.hpp"

namespace coord::daemon {

using boost::asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr const char* page_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";

std::string response(const char* status, const char* type, const std::string& body, const char* more = "") {
  return fmt::format("HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n{}",
                     status, type, body.size(), more, body);
}

std::string refusal(const char* status, const char* more = "") {
  return response(status, "text/plain", fmt::format("{}\n", status), more);
}

}  // namespace

MetricsServer::MetricsServer(boost::asio::io_context& io, std::function<std::string()> page,
                             Duration patience)
    : io_(io), page_(std::move(page)), patience_(patience), acceptor_(io), pause_(io) {}

Status MetricsServer::listen(const net::Address& address) {
  error_code error;
  tcp::endpoint endpoint(tcp::v6(), address.port);
  if (!address.host.empty()) {
    const auto number =
        boost::asio::ip::make_address(address.host == "localhost" ? "127.0.0.1" : address.host, error);
    endpoint = tcp::endpoint(number, address.port);
  }
  if (!error) acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  error_code one_family_only;
  if (!error && address.host.empty()) acceptor_.set_option(boost::asio::ip::v6_only(false), one_family_only);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(static_cast<int>(most_connections), error);
  if (!error) return done();
  return Error{ErrorKind::unavailable, fmt::format("--metrics {}", address.text()),
               fmt::format("cannot listen there: {}", error.message()), "name another port"};
}

std::uint16_t MetricsServer::port() const {
  error_code error;
  return acceptor_.local_endpoint(error).port();
}

void MetricsServer::stop() {
  stopped_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  while (!guests_.empty()) close(GuestPtr(guests_.front()));
}

void MetricsServer::accept() {
  acceptor_.async_accept([self = shared_from_this()](const error_code& error, tcp::socket socket) {
    if (self->stopped_) return;
    if (!error) {
      self->welcome(std::move(socket));
      return self->accept();
    }
    // Out of descriptors, perhaps: trying again at once would spin.
    self->pause_.expires_after(std::chrono::milliseconds(100));
    self->pause_.async_wait([self](const error_code& cancelled) {
      if (!cancelled && !self->stopped_) self->accept();
    });
  });
}

void MetricsServer::welcome(tcp::socket socket) {
  if (guests_.size() >= most_connections) close(GuestPtr(guests_.front()));
  (void)::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
  auto guest = std::make_shared<Guest>(std::move(socket));
  guests_.push_back(guest);
  guest->timer.expires_after(patience_);
  guest->timer.async_wait([self = shared_from_this(), guest](const error_code& cancelled) {
    if (!cancelled) self->close(guest);
  });
  read(guest);
}

void MetricsServer::read(const GuestPtr& guest) {
  constexpr std::size_t part = 1024;
  const std::size_t had = guest->request.size();
  guest->request.resize(had + part);
  guest->socket.async_read_some(
      boost::asio::buffer(guest->request.data() + had, part),
      [self = shared_from_this(), guest, had](const error_code& error, std::size_t size) {
        if (error) return self->close(guest);
        guest->request.resize(had + size);
        const bool whole = guest->request.find("\r\n\r\n") != std::string::npos ||
                           guest->request.find("\n\n") != std::string::npos;
        if (!whole && guest->request.size() < longest_request) return self->read(guest);
        guest->answer =
            whole ? self->answer_to(guest->request) : refusal("431 Request Header Fields Too Large");
        self->answer(guest);
      });
}

std::string MetricsServer::answer_to(const std::string& request) const {
  const std::string_view line = std::string_view(request).substr(0, request.find_first_of("\r\n"));
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || !line.substr(second + 1).starts_with("HTTP/1."))
    return refusal("400 Bad Request");
  std::string_view path = line.substr(first + 1, second - first - 1);
  path = path.substr(0, path.find('?'));
  if (path != "/metrics") return refusal("404 Not Found");
  if (line.substr(0, first) != "GET") return refusal("405 Method Not Allowed", "Allow: GET\r\n");
  return response("200 OK", page_type, page_());
}

void MetricsServer::answer(const GuestPtr& guest) {
  boost::asio::async_write(guest->socket, boost::asio::buffer(guest->answer),
                           [self = shared_from_this(), guest](const error_code& error, std::size_t) {
                             if (error) return self->close(guest);
                             self->finish(guest);
                           });
}

// A close with something unread would reset the connection, and take the answer with it.
void MetricsServer::finish(const GuestPtr& guest) {
  error_code ignored;
  guest->socket.shutdown(tcp::socket::shutdown_send, ignored);
  guest->request.resize(longest_request);
  guest->socket.async_read_some(boost::asio::buffer(guest->request),
                                [self = shared_from_this(), guest](const error_code& error, std::size_t) {
                                  if (error) return self->close(guest);
                                  self->finish(guest);
                                });
}

void MetricsServer::close(const GuestPtr& guest) {
  error_code ignored;
  guest->timer.cancel();
  guest->socket.close(ignored);
  guests_.remove(guest);
}

}  // namespace coord::daemon
