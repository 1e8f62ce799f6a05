// SPDX-License-Identifier: MIT
// A client's end of one HTTP/2 connection, as gRPC wants it: requests that may stay open, bodies both ways,
// trailers. Bytes in, bytes and events out.
//
// Problem: etcd's calls are gRPC. Its C++ library is 20 MB and costs every start of coordd 9 ms, for those
// too who have no etcd; the JSON gateway that needs only HTTP/1.1 cannot be asked on a stream, and takes
// twice as long a call. libnghttp2 is what is needed of it: frames, flow control and compressed header fields
// (RFC 9113, RFC 7541), without a socket of its own, so an adapter stays pure.
//
// A server is not trusted further than that it may be wrong: nghttp2 bounds frames, header blocks and what
// waits to be answered; what is not HTTP/2 ends the connection (failed()). One owner.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.hpp"

struct nghttp2_session;

namespace coord::engines {

using Headers = std::vector<std::pair<std::string, std::string>>;

class Http2 {
 public:
  using Stream = std::int32_t;
  struct Body {
    Stream stream = 0;
    Bytes bytes;
  };
  // The server has said all on this stream: its headers (of several blocks together), or why it was reset.
  struct Ended {
    Stream stream = 0;
    Headers headers;
    bool reset = false;
  };
  using Event = std::variant<Body, Ended>;

  Http2();  // says what goes first
  ~Http2();
  Http2(const Http2&) = delete;
  Http2& operator=(const Http2&) = delete;

  Stream open(const Headers& headers);
  void send(Stream stream, ByteView body, bool last);
  void reset(Stream stream);
  void ping();
  std::uint64_t pongs() const { return pongs_; }

  std::vector<Event> receive(ByteView bytes);
  Bytes take_output() { return std::exchange(output_, {}); }
  bool has_output() const { return !output_.empty(); }
  bool failed() const { return failed_; }
  bool is_going() const { return going_; }  // the server takes no new streams

 private:
  struct Callbacks;  // what nghttp2 calls
  struct Open {
    Bytes waiting;  // for the window
    bool last_waits = false;
    Headers headers;
  };
  void end(Stream stream, bool reset);
  void pump();

  struct Delete {
    void operator()(nghttp2_session* session) const;
  };
  std::unique_ptr<nghttp2_session, Delete> session_;
  std::map<Stream, Open> streams_;
  std::vector<Event> events_;
  Bytes output_;
  std::uint64_t pongs_ = 0;
  bool failed_ = false;
  bool going_ = false;
};

}  // namespace coord::engines
