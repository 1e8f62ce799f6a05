// SPDX-License-Identifier: MIT
// The ways that a remote call can go between two processes of one host, each as a pair of blocking ends. What
// goes over them is one frame (wire/frame.hpp) each way; all but the shared memory are what coordd's tools
// and peers use, under the project's own TLS and datagram keys.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace coord::rpc {

// One end, after the processes have parted (fork). Not for threads.
class End {
 public:
  End() = default;
  End(const End&) = delete;
  End& operator=(const End&) = delete;
  virtual ~End() = default;

  // Both sides, each in its process, before the first message: greetings, keys.
  virtual void meet() {}
  virtual void send(ByteView message) = 0;
  // The next message, whole; empty: the other end has closed.
  virtual Bytes receive() = 0;
  virtual void close() = 0;
};

// Made before the processes part.
struct Way {
  std::unique_ptr<End> client;
  std::unique_ptr<End> server;
};

// memory (two pages that both see, woken by a futex: what LRPC comes to on Linux), unix, tcp, tls, udp,
// sealed (udp under the peers' datagram keys).
std::vector<std::string> names_of_ways();
Way make_way(const std::string& name);

[[noreturn]] void fail(const std::string& why);

// Microseconds that a piece of work takes: the median of many short runs, so that what else the machine does
// in between is not counted.
double median_us(const std::function<void()>& work);
// The same of sealing and opening one call's two messages of that size, all of it in this process; 0: the way
// has none.
double sealing_us(const std::string& way, std::size_t message_bytes);

}  // namespace coord::rpc
