// SPDX-License-Identifier: MIT
#include "net/unix_client.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "base/format.hpp"

namespace coord::net {
namespace {

constexpr std::size_t request_size = std::size_t{4} << 10U;  // most requests are far smaller
constexpr std::size_t most_passed = 4;  // descriptors of a client that no request has taken yet

// One sendmsg of the bytes and, with the first of them, the descriptor; the result and errno are its own.
ssize_t send_some(int fd, ByteView bytes, int pass) {
  iovec part{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int))> control{};
  if (pass >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &pass, sizeof pass);
  }
  return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

UnixClient::UnixClient(boost::asio::local::stream_protocol::socket socket, std::shared_ptr<UnixServer> server,
                       ClientNumber number)
    : socket_(std::move(socket)),
      server_(server),
      limits_(server->limits_),
      number_(number),
      frames_(limits_.request_bytes) {}

UnixClient::~UnixClient() {
  close();
}

void UnixClient::start() {
  read_buffer_.resize(request_size);
  read();
}

void UnixClient::read() {
  socket_.async_wait(socket_.wait_read, [self = shared_from_this()](const auto& error) {
    if (self->closed_) return;
    if (error) return self->fail(error.message());
    self->on_readable();
  });
}

void UnixClient::on_readable() {
  const ssize_t size = receive();
  const bool nothing = size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  if (size < 0 && !nothing) return fail(std::strerror(errno));
  if (size == 0) return fail("");
  if (passed_.size() > most_passed) return fail("it passes unexpected descriptors");
  if (!nothing && !closing_) frames_.feed(ByteView(read_buffer_).first(static_cast<std::size_t>(size)));
  while (!closed_ && !closing_) {
    auto next = frames_.next();
    if (!next.ok()) return fail(fmt::format("it sent a wrong frame: {}", next.error().what));
    if (!next->has_value()) break;
    if (const auto server = server_.lock()) server->receive(number_, std::move(**next));
  }
  if (!closed_) read();
}

// As much as is there now, with the descriptors that come with it; they come at the latest with the last byte
// of the frame that they belong to. As recvmsg(2) answers, errno too.
ssize_t UnixClient::receive() {
  iovec part{read_buffer_.data(), read_buffer_.size()};
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(most_passed * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) return size;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= header->cmsg_len; at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, reinterpret_cast<const std::uint8_t*>(header) + at, sizeof fd);
      passed_.emplace_back(fd);
    }
  }
  return size;
}

Descriptor UnixClient::take_passed() {
  if (passed_.empty()) return Descriptor();
  Descriptor oldest = std::move(passed_.front());
  passed_.pop_front();
  return oldest;
}

bool UnixClient::send(Bytes&& frame, int pass) {
  if (closed_ || closing_) return false;
  if (queued_bytes_ + frame.size() > limits_.unread_bytes) {
    fail("it does not read its answers");
    return false;
  }
  Descriptor passed(pass >= 0 ? ::fcntl(pass, F_DUPFD_CLOEXEC, 0) : -1);
  if (pass >= 0 && !passed.is_open()) {
    fail(std::string("cannot pass a descriptor: ") + std::strerror(errno));
    return false;
  }
  queued_bytes_ += frame.size();
  queue_.push_back({std::move(frame), 0, std::move(passed)});
  if (!waiting_to_write_) write();
  return !closed_;
}

// As much as the socket takes now; then waits for room.
void UnixClient::write() {
  while (!queue_.empty())
    if (!write_front()) return;
  if (closing_) fail("");
}

// False: it did not all go, or the client is gone.
bool UnixClient::write_front() {
  Outgoing& front = queue_.front();
  const ssize_t n =
      send_some(socket_.native_handle(), ByteView(front.frame).subspan(front.written), front.pass.get());
  if (n < 0 && errno == EINTR) return true;
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    waiting_to_write_ = true;
    socket_.async_wait(socket_.wait_write, [self = shared_from_this()](const auto& error) {
      self->waiting_to_write_ = false;
      if (!error && !self->closed_) self->write();
    });
    return false;
  }
  if (n < 0) {
    fail(std::strerror(errno));
    return false;
  }
  front.pass.reset();
  front.written += static_cast<std::size_t>(n);
  if (front.written == front.frame.size()) {
    queued_bytes_ -= front.frame.size();
    queue_.pop_front();
  }
  return true;
}

void UnixClient::close() {
  if (std::exchange(closed_, true)) return;
  queue_.clear();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void UnixClient::close_after_writing() {
  closing_ = true;
  if (queue_.empty()) fail("");
}

void UnixClient::fail(const std::string& why) {
  close();
  boost::asio::post(socket_.get_executor(), [self = shared_from_this(), why] {
    if (const auto server = self->server_.lock()) server->gone(self->number_, self->closing_, why);
  });
}

}  // namespace coord::net
