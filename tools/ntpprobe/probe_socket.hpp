// SPDX-License-Identifier: MIT
// One request's socket.
#pragma once

#include <deque>
#include <utility>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "ntpprobe/endpoint.hpp"
#include "ntpprobe/stamps.hpp"

namespace coord::ntpprobe {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct Departure {
  Reading clocks;
  WallTime wall;  // read last: nothing but the system call lies between it and the stack
};

class ProbeSocket {
 public:
  ProbeSocket() = default;
  // Connected, so that only the server's datagrams and the network's errors come in, from a fresh random port
  // (RFC 9109). Never blocks.
  static Result<ProbeSocket> open(const Endpoint& endpoint, bool kernel_stamps);

  int fd() const { return fd_.get(); }
  bool is_open() const { return fd_.open(); }
  Result<Departure> send(ByteView datagram);

 private:
  FileDescriptor fd_;
};

// Held for the whole run, for two things about the kernel's stamps. While one socket asks for them the kernel
// stamps all arriving datagrams, and the first to ask has to wait for that to be switched on: the keeper
// keeps it on between the requests' own sockets. And it measures how long a program that was just woken by a
// datagram takes from reading the clock to the kernel's send stamp, by sending to itself.
class StampKeeper {
 public:
  explicit StampKeeper(bool kernel_stamps);

  // To be called when a datagram has just come in. The median of the last calls; nothing
  // if none could be measured.
  std::optional<Duration> measure_way_out();

 private:
  FileDescriptor fd_;
  Endpoint itself_;
  std::deque<Duration> measured_;
};

}  // namespace coord::ntpprobe
