// SPDX-License-Identifier: MIT
// One connection to another peer: frames over TLS over TCP.
//
// Reading never stops while it is open: each chunk is cut into frames and given on at once. Writing never
// blocks: frames are gathered while a write is on its way and go out together with the next one; when the
// queue is full, whole frames are dropped (Raft sends again what it needs). Memory: at most the queue, a
// frame being received, and TLS's own buffers.
//
// Threading: that of the io_context, which is one. The owner keeps it by a shared_ptr; handlers are not
// called after close().
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "net/tls.hpp"
#include "wire/frame.hpp"

namespace coord::net {

class SecureConnection : public std::enable_shared_from_this<SecureConnection> {
 public:
  struct Handlers {
    std::function<void()> secured;  // the handshake is done: the other side has the key and is peer()
    std::function<void(wire::Frame&&)> frame;
    std::function<void(const std::string& why)> closed;  // by the other side, or for its fault
  };

  // `peer`: whom an initiator dials; empty for a responder.
  SecureConnection(boost::asio::ip::tcp::socket socket, std::shared_ptr<TlsSettings> tls, Side side,
                   std::string peer, std::size_t queue_limit);

  void start(Handlers handlers);
  // False: dropped, because the queue is full or the connection is closed.
  bool send(wire::FrameType type, ByteView payload, std::uint32_t version = wire::first_version);
  void close();
  // Another owner, or another stage, takes over.
  void set_handlers(Handlers handlers);
  // Lets go of it: no handler is called any more, and it closes itself once what was sent is written.
  void abandon();

  const std::string& peer() const { return handshake_.peer; }
  // Of the key that it was made with, or is being made; empty: none is chosen yet.
  const std::string& key_id() const { return handshake_.key_id; }
  // Whether the other side came as far as to say who it is, refused or not.
  bool shows_identity() const { return !handshake_.refusal.empty() || !handshake_.key_id.empty(); }
  // What it accepts in one frame; small until the hello.
  void set_payload_limit(std::size_t limit) { frames_.set_payload_limit(limit); }
  bool is_writing() const { return !writing_.empty(); }
  // Goes up whenever some of what is written leaves; while writing, standing still means
  // that the other side is stuck.
  std::uint64_t write_progress() const { return write_progress_; }
  // What was sent has been sent again, and the other side has acknowledged nothing for longer than `patience`
  // and than two round trips: the way is cut, or loses nearly all.
  bool is_silent(Duration patience);
  // Nothing that was sent is on its way.
  bool is_all_acknowledged();

 private:
  void on_handshake(const boost::system::error_code& error);
  void read();
  void on_read(const boost::system::error_code& error, std::size_t size);
  void write();
  void on_written(const boost::system::error_code& error);
  void fail(const std::string& why);

  Handshake handshake_;
  const std::shared_ptr<TlsSettings> tls_;
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
  std::shared_ptr<const Handlers> handlers_;  // shared: one that is running may be replaced
  std::size_t queue_limit_;
  wire::FrameReader frames_;
  Bytes read_buffer_;
  Bytes queue_;    // whole frames that wait
  Bytes writing_;  // whole frames on their way
  std::uint64_t write_progress_ = 0;
  bool secured_ = false;
  bool closing_ = false;
  bool closed_ = false;
};

// TCP_NODELAY, and death noticed within about 5 s: unanswered data (TCP_USER_TIMEOUT) or silence (keepalive).
void set_peer_options(boost::asio::ip::tcp::socket& socket);

}  // namespace coord::net
