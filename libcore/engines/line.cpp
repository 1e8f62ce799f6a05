// SPDX-License-Identifier: MIT
#include "engines/line.hpp"

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <vector>

#include "net/secure_connection.hpp"

namespace coord::engines {

namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto connect_patience = std::chrono::milliseconds(1500);
constexpr std::size_t unsent_limit = 64U << 20U;

}  // namespace

Line::Line(asio::io_context& io, ssl::context& context, Way way, Heard heard)
    : way_(std::move(way)), heard_(std::move(heard)), resolver_(io), stream_(io, context), limit_(io) {}

void Line::begin() {
  const auto self = shared_from_this();
  limit_.expires_after(connect_patience);
  limit_.async_wait([self](const error_code& error) {
    if (!error && !self->stands_) self->fail("no connection comes about");
  });
  resolver_.async_resolve(
      way_.host, std::to_string(way_.port), [self](const error_code& error, const auto& found) {
        if (self->closed_) return;
        if (error) return self->fail("its name is not known: " + error.message());
        // In the time of all: behind an address that swallows what it is sent the others are tried next.
        std::vector<tcp::endpoint> all(found.begin(), found.end());
        if (!all.empty())
          std::ranges::rotate(all, all.begin() + static_cast<std::ptrdiff_t>(self->way_.first % all.size()));
        asio::async_connect(self->stream_.next_layer(), all,
                            [self](const error_code& failed, const tcp::endpoint&) {
                              if (self->closed_) return;
                              if (failed) return self->fail(failed.message());
                              self->connected();
                            });
      });
}

void Line::connected() {
  // A server whose host lost its power says nothing.
  net::set_peer_options(stream_.next_layer());
  if (!way_.tls) return ready();
  if (!way_.before_tls.empty()) return ask_for_tls();
  shake_hands();
}

void Line::ask_for_tls() {
  asio::async_write(stream_.next_layer(), asio::buffer(way_.before_tls),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      if (self->closed_) return;
                      if (error) return self->fail(error.message());
                      asio::async_read(self->stream_.next_layer(), asio::buffer(self->buffer_.data(), 1),
                                       [self](const error_code& failed, std::size_t) {
                                         if (self->closed_) return;
                                         if (failed) return self->fail(failed.message());
                                         if (self->buffer_[0] != 'S')
                                           return self->fail(self->way_.without_tls);
                                         self->shake_hands();
                                       });
                    });
}

void Line::shake_hands() {
  SSL_set_tlsext_host_name(stream_.native_handle(), way_.host.c_str());
  stream_.set_verify_callback(ssl::host_name_verification(way_.host));
  stream_.async_handshake(ssl::stream_base::client, [self = shared_from_this()](const error_code& error) {
    if (self->closed_) return;
    if (error) return self->fail("TLS: " + error.message());
    self->ready();
  });
}

void Line::ready() {
  stands_ = true;
  limit_.cancel();
  heard_.stands();
}

void Line::read() {
  if (closed_) return;
  const auto taken = [self = shared_from_this()](const error_code& error, std::size_t size) {
    if (self->closed_) return;
    if (error) return self->fail("the connection broke: " + error.message());
    self->heard_.bytes(ByteView(self->buffer_).first(size));
    self->read();
  };
  if (way_.tls) {
    stream_.async_read_some(asio::buffer(buffer_), taken);
  } else {
    stream_.next_layer().async_read_some(asio::buffer(buffer_), taken);
  }
}

void Line::send(Bytes bytes) {
  if (closed_) return;
  unsent_bytes_ += bytes.size();
  unsent_.push_back(std::move(bytes));
  if (unsent_bytes_ > unsent_limit) return fail("it takes nothing");
  if (!writing_) write_next();
}

void Line::write_next() {
  if (closed_ || unsent_.empty()) return;
  writing_ = true;
  const auto written = [self = shared_from_this()](const error_code& error, std::size_t size) {
    if (self->closed_) return;
    if (error) return self->fail("the connection broke: " + error.message());
    self->unsent_bytes_ -= size;
    self->unsent_.pop_front();
    self->writing_ = false;
    self->write_next();
  };
  if (way_.tls) {
    asio::async_write(stream_, asio::buffer(unsent_.front()), written);
  } else {
    asio::async_write(stream_.next_layer(), asio::buffer(unsent_.front()), written);
  }
}

void Line::fail(std::string why) {
  if (closed_) return;
  close();
  heard_.broke(std::move(why));
}

void Line::close() {
  closed_ = true;
  error_code ignored;
  resolver_.cancel();
  limit_.cancel();
  stream_.next_layer().close(ignored);
}

}  // namespace coord::engines
