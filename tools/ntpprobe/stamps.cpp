// SPDX-License-Identifier: MIT
#include "ntpprobe/stamps.hpp"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace coord::ntpprobe {
namespace {

WallTime wall_of(const timespec& t) {
  return {std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec};
}

timespec read_clock(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return t;
}

Instant steady_now() {
  return Instant(Duration(wall_of(read_clock(CLOCK_MONOTONIC)).unix_ns));
}

// The software stamp among a message's control data.
std::optional<WallTime> stamp_in(msghdr& message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPING) continue;
    timespec stamps[3];  // software, unused, hardware
    if (c->cmsg_len < CMSG_LEN(sizeof stamps)) continue;
    std::memcpy(stamps, CMSG_DATA(c), sizeof stamps);
    if (stamps[0].tv_sec != 0) return wall_of(stamps[0]);
  }
  return std::nullopt;
}

struct Message {
  msghdr header{};
  iovec part{};
  alignas(cmsghdr) std::uint8_t control[512];

  explicit Message(std::span<std::uint8_t> buffer) {
    part = {buffer.data(), buffer.size()};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }
};

}  // namespace

Reading read_clocks() {
  // A pause between two readings must not look like a step of the clock: take the closest of three pairs.
  Reading best;
  Duration shortest = Duration::max();
  for (int i = 0; i < 3 && shortest > std::chrono::microseconds(1); ++i) {
    const Instant before = steady_now();
    const WallTime wall = wall_of(read_clock(CLOCK_REALTIME));
    const Duration taken = steady_now() - before;
    if (taken >= shortest) continue;
    shortest = taken;
    best = {wall, before};
  }
  return best;
}

bool StepDetector::was_set_before(const Reading& reading) {
  const Duration base = Duration(reading.wall.unix_ns) - reading.steady.time_since_epoch();
  const bool was_set = base_ && std::chrono::abs(base - *base_) > std::chrono::milliseconds(1);
  base_ = base;
  return was_set;
}

WallTime wall_now() {
  return wall_of(read_clock(CLOCK_REALTIME));
}

Duration local_precision() {
  Duration least = std::chrono::milliseconds(1);
  WallTime last = wall_of(read_clock(CLOCK_REALTIME));
  for (int i = 0; i < 32; ++i) {
    const WallTime now = wall_of(read_clock(CLOCK_REALTIME));
    if (now > last) least = std::min(least, Duration(now.unix_ns - last.unix_ns));
    last = now;
  }
  return least;
}

bool enable_stamps(int fd) {
  const unsigned flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_TX_SOFTWARE |
                         SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY;
  return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) == 0;
}

Received receive(int fd, std::span<std::uint8_t> buffer, Arrival& arrival, sockaddr_storage* from,
                 socklen_t* from_size) {
  Message message(buffer);
  message.header.msg_name = from;
  message.header.msg_namelen = from != nullptr ? sizeof *from : 0;
  const ssize_t size = recvmsg(fd, &message.header, MSG_TRUNC | MSG_DONTWAIT);
  if (size < 0) {
    const bool refused =
        errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH || errno == EACCES;
    return refused ? Received::unreachable : Received::nothing;
  }
  arrival.user = read_clocks();
  arrival.size = static_cast<std::size_t>(size);
  arrival.kernel = stamp_in(message.header);
  if (from_size != nullptr) *from_size = message.header.msg_namelen;
  return Received::datagram;
}

std::optional<WallTime> sent_stamp(int fd) {
  std::uint8_t unused[64];
  for (int i = 0; i < 4; ++i) {  // other errors may lie in the queue before it
    Message message(unused);
    if (recvmsg(fd, &message.header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return std::nullopt;
    if (auto stamp = stamp_in(message.header)) return stamp;
  }
  return std::nullopt;
}

}  // namespace coord::ntpprobe
