// SPDX-License-Identifier: MIT
#include "net/secure_connection.hpp"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "base/check.hpp"
#include "base/format.hpp"

namespace coord::net {
namespace {

constexpr std::size_t hello_limit = 4096;
// As long as a TLS record where much comes at once; most connections of a large group hardly ever do.
constexpr std::size_t least_read = std::size_t{1} << 10U;
constexpr std::size_t most_read = std::size_t{16} << 10U;
constexpr std::size_t kept_capacity = std::size_t{64} << 10U;  // of a write buffer after a burst

void set_option(int fd, int level, int name, int value) {
  // An option that this kernel lacks costs detection time, not correctness.
  static_cast<void>(::setsockopt(fd, level, name, &value, sizeof value));
}

}  // namespace

void set_peer_options(boost::asio::ip::tcp::socket& socket) {
  const int fd = socket.native_handle();
  static_cast<void>(::fcntl(fd, F_SETFD, FD_CLOEXEC));
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000);  // milliseconds
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 3);  // seconds
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

SecureConnection::SecureConnection(boost::asio::ip::tcp::socket socket, std::shared_ptr<TlsSettings> tls,
                                   Side side, std::string peer, std::size_t queue_limit)
    : handshake_{side, std::move(peer), {}, {}, {}},
      tls_(std::move(tls)),
      stream_(std::move(socket), tls_->context()),
      queue_limit_(queue_limit),
      frames_(hello_limit) {
  tls_->attach(stream_.native_handle(), handshake_);
}

void SecureConnection::start(Handlers handlers) {
  set_handlers(std::move(handlers));
  const auto type = handshake_.side == Side::initiator ? boost::asio::ssl::stream_base::client
                                                       : boost::asio::ssl::stream_base::server;
  stream_.async_handshake(type,
                          [self = shared_from_this()](const auto& error) { self->on_handshake(error); });
}

void SecureConnection::on_handshake(const boost::system::error_code& error) {
  if (closed_) return;
  if (error) return fail(handshake_failure(handshake_, error));
  // The pre-shared key was used, not a certificate: or else whoever is there has proven nothing.
  SSL* ssl = stream_.native_handle();
  if (SSL_session_reused(ssl) != 1 || SSL_version(ssl) != TLS1_3_VERSION || handshake_.peer.empty())
    return fail("it has no cluster key");
  secured_ = true;
  if (handshake_.side == Side::responder) tls_->proven(handshake_.peer);
  read_buffer_.resize(least_read);
  read();
  const auto handlers = handlers_;
  handlers->secured();
}

void SecureConnection::read() {
  stream_.async_read_some(
      boost::asio::buffer(read_buffer_),
      [self = shared_from_this()](const auto& error, std::size_t n) { self->on_read(error, n); });
}

void SecureConnection::on_read(const boost::system::error_code& error, std::size_t size) {
  if (closed_) return;
  if (error) return fail(fmt::format("it closed the connection ({})", error.message()));
  frames_.feed(ByteView(read_buffer_).first(size));
  while (!closed_) {
    auto next = frames_.next();
    if (!next.ok()) return fail(fmt::format("it sent a wrong frame: {}", next.error().what));
    if (!next->has_value()) break;
    const auto handlers = handlers_;
    handlers->frame(std::move(**next));
  }
  if (size == read_buffer_.size() && size < most_read) read_buffer_.resize(4 * size);
  if (!closed_) read();
}

bool SecureConnection::send(wire::FrameType type, ByteView payload, std::uint32_t version) {
  if (closed_ || closing_ || !secured_) return false;
  if (queue_.size() + payload.size() + wire::frame_header_size > queue_limit_) return false;
  wire::append_frame(queue_, type, payload, version);
  if (writing_.empty()) write();
  return true;
}

void SecureConnection::write() {
  if (queue_.empty()) return;
  std::swap(queue_, writing_);
  const auto some_left = [self = shared_from_this()](const auto& error, std::size_t) {
    ++self->write_progress_;
    return error ? 0 : kept_capacity;
  };
  boost::asio::async_write(
      stream_, boost::asio::buffer(writing_), some_left,
      [self = shared_from_this()](const auto& error, std::size_t) { self->on_written(error); });
}

void SecureConnection::on_written(const boost::system::error_code& error) {
  if (writing_.capacity() > kept_capacity) Bytes().swap(writing_);
  writing_.clear();
  if (closed_) return;
  if (error) return fail(fmt::format("writing to it failed ({})", error.message()));
  if (queue_.empty() && closing_) return close();
  write();
}

void SecureConnection::close() {
  if (std::exchange(closed_, true)) return;
  boost::system::error_code ignored;
  stream_.lowest_layer().close(ignored);
}

bool SecureConnection::is_all_acknowledged() {
  if (closed_) return true;
  tcp_info info{};
  socklen_t size = sizeof info;
  const bool known =
      ::getsockopt(stream_.lowest_layer().native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
  return known && info.tcpi_unacked == 0 && writing_.empty();
}

bool SecureConnection::is_silent(Duration patience) {
  if (closed_) return true;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(stream_.lowest_layer().native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
    return false;
  const Duration since = std::chrono::milliseconds(info.tcpi_last_ack_recv);
  return info.tcpi_unacked > 0 && info.tcpi_retransmits > 0 &&
         since > std::max<Duration>(patience, std::chrono::microseconds(2 * std::uint64_t{info.tcpi_rtt}));
}

void SecureConnection::set_handlers(Handlers handlers) {
  handlers_ = std::make_shared<const Handlers>(std::move(handlers));
}

void SecureConnection::abandon() {
  set_handlers({.secured = [] {}, .frame = [](wire::Frame&&) {}, .closed = [](const std::string&) {}});
  closing_ = true;
  if (writing_.empty()) close();
}

void SecureConnection::fail(const std::string& why) {
  close();
  const auto handlers = handlers_;
  handlers->closed(why);
}

}  // namespace coord::net
