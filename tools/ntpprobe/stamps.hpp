// SPDX-License-Identifier: MIT
// The best time stamps that the system has for a datagram.
//
// A stamp taken by a program is late by however long the program waited for the processor. The kernel's are
// taken in the network stack (SO_TIMESTAMPING): on reception they come with the datagram, on transmission by
// the error queue after the fact. Both are CLOCK_REALTIME.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <span>

#include "base/time.hpp"

namespace coord::ntpprobe {

// Both clocks at one moment: what the time is, and a clock that is never set.
struct Reading {
  WallTime wall;
  Instant steady;
};
Reading read_clocks();

// Notices that somebody set the wall clock: it then moves against the steady clock, which slewing does not
// make it do. Pure.
class StepDetector {
 public:
  // Was it set by more than a millisecond since the last reading? (Less is a pause between
  // the two clocks' readings.)
  bool was_set_before(const Reading& reading);

 private:
  std::optional<Duration> base_;  // wall clock less steady clock
};

// The wall clock alone, in the least time.
WallTime wall_now();

// The least difference that two readings of the local clock in a row show (RFC 5905's local precision).
Duration local_precision();

// Asks the kernel to stamp this socket's datagrams; false where it cannot.
bool enable_stamps(int fd);

struct Arrival {
  std::size_t size = 0;            // octets in the buffer; more than the buffer holds: it was cut
  std::optional<WallTime> kernel;  // when the stack took it in
  Reading user;                    // when we read it
};

enum class Received { datagram, nothing, unreachable };

// Takes one datagram, without waiting. from: filled in where it is not null.
Received receive(int fd, std::span<std::uint8_t> buffer, Arrival& arrival, sockaddr_storage* from = nullptr,
                 socklen_t* from_size = nullptr);

// When the stack sent the last datagram; nothing until the kernel has said so, or for ever where it cannot.
std::optional<WallTime> sent_stamp(int fd);

}  // namespace coord::ntpprobe
