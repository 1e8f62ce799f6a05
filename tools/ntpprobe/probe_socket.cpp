// SPDX-License-Identifier: MIT
#include "ntpprobe/probe_socket.hpp"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/format.hpp"
#include "clock/ntp_packet.hpp"

namespace coord::ntpprobe {
namespace {

Error failed(const Endpoint& endpoint, const char* what) {
  return {ErrorKind::unavailable, endpoint.server, fmt::format("{}: {}", what, std::strerror(errno)), ""};
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) close(fd_);
}

Result<ProbeSocket> ProbeSocket::open(const Endpoint& endpoint, bool kernel_stamps) {
  ProbeSocket socket;
  socket.fd_ = FileDescriptor(
      ::socket(endpoint.socket_address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return failed(endpoint, "no socket");
  if (kernel_stamps) enable_stamps(socket.fd());  // where it fails our own stamps have to do
  if (connect(socket.fd(), reinterpret_cast<const sockaddr*>(&endpoint.socket_address), endpoint.size) != 0)
    return failed(endpoint, "cannot be reached");
  return socket;
}

Result<Departure> ProbeSocket::send(ByteView datagram) {
  Departure departure{read_clocks(), {}};
  departure.wall = wall_now();
  if (::send(fd(), datagram.data(), datagram.size(), 0) < 0)
    return Error{ErrorKind::unavailable, "", std::strerror(errno), ""};
  return departure;
}

StampKeeper::StampKeeper(bool kernel_stamps) {
  if (!kernel_stamps) return;
  auto* address = reinterpret_cast<sockaddr_in*>(&itself_.socket_address);
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&itself_.socket_address);
  fd_ = FileDescriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_.open() || !enable_stamps(fd_.get()) || bind(fd_.get(), generic, sizeof *address) != 0) return;
  socklen_t size = sizeof itself_.socket_address;
  if (getsockname(fd_.get(), generic, &size) == 0) itself_.size = size;
}

std::optional<Duration> StampKeeper::measure_way_out() {
  constexpr std::size_t kept = 15;
  if (itself_.size == 0) return std::nullopt;
  std::array<std::uint8_t, ntp::header_size> datagram{};
  const WallTime before = wall_now();
  sendto(fd_.get(), datagram.data(), datagram.size(), 0,
         reinterpret_cast<const sockaddr*>(&itself_.socket_address), itself_.size);
  const auto stamp = sent_stamp(fd_.get());
  Arrival unused;
  receive(fd_.get(), datagram, unused);
  if (stamp && *stamp >= before) measured_.push_back(Duration(stamp->unix_ns - before.unix_ns));
  if (measured_.size() > kept) measured_.pop_front();
  if (measured_.empty()) return std::nullopt;
  std::vector<Duration> sorted(measured_.begin(), measured_.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted[sorted.size() / 2];
}

}  // namespace coord::ntpprobe
