// SPDX-License-Identifier: MIT
// One tool's connection: a part of UnixServer.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <cstdint>
#include <deque>
#include <memory>

#include "base/descriptor.hpp"
#include "net/unix_server.hpp"
#include "wire/frame.hpp"

namespace coord::net {

class UnixClient : public std::enable_shared_from_this<UnixClient> {
 public:
  UnixClient(boost::asio::local::stream_protocol::socket socket, std::shared_ptr<UnixServer> server,
             ClientNumber number);
  ~UnixClient();

  void start();
  // False: there was no room for it.
  bool send(Bytes&& frame, int pass);
  // Closes now; the server is not told.
  void close();
  void close_after_writing();
  // The oldest descriptor that it has passed and nobody has taken; not open: there is none.
  Descriptor take_passed();
  int socket() { return socket_.native_handle(); }
  // Closes now; the server learns of it later, never from within a call that it made.
  void fail(const std::string& why);

 private:
  struct Outgoing {
    Bytes frame;
    std::size_t written = 0;
    Descriptor pass;  // goes with the first byte
  };

  void read();
  void on_readable();
  ssize_t receive();
  void write();
  bool write_front();

  boost::asio::local::stream_protocol::socket socket_;
  const std::weak_ptr<UnixServer> server_;
  const UnixLimits limits_;
  const ClientNumber number_;
  wire::FrameReader frames_;
  Bytes read_buffer_;
  std::deque<Descriptor> passed_;  // in their order
  std::deque<Outgoing> queue_;
  std::size_t queued_bytes_ = 0;
  bool waiting_to_write_ = false;
  bool closing_ = false;
  bool closed_ = false;
};

}  // namespace coord::net
