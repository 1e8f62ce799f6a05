// SPDX-License-Identifier: MIT
// A client's end of one HTTP/2 connection (RFC 9113), as much of it as gRPC takes: requests that may stay
// open, bodies both ways with flow control, trailers. Bytes in, bytes and events out.
//
// Problem: etcd's calls are gRPC. Its C++ library is 20 MB and costs every start of coordd 9 ms, for those
// too who have no etcd; the JSON gateway that needs only HTTP/1.1 cannot be asked on a stream, and takes
// twice as long a call. What a client needs of HTTP/2 is this file.
//
// A server is not trusted further than that it may be wrong: frames, header blocks and bodies are bounded,
// and what is not HTTP/2 ends the connection (failed()). Pure; one owner.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "engines/hpack.hpp"

namespace coord::engines {

class Http2 {
 public:
  using Stream = std::uint32_t;
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

  Stream open(const Headers& headers);
  void send(Stream stream, ByteView body, bool last);
  void reset(Stream stream);
  void ping();
  std::uint64_t pongs() const { return pongs_; }

  std::vector<Event> receive(ByteView bytes);
  Bytes take_output() { return std::move(output_); }
  bool has_output() const { return !output_.empty(); }
  bool failed() const { return failed_; }
  bool is_going() const { return going_; }  // the server takes no new streams

 private:
  struct Open {
    std::int64_t window = 65535;  // that may be sent
    Bytes waiting;                // for the window
    bool last_waits = false;
    std::uint64_t consumed = 0;  // not given back yet
    Headers headers;
  };
  void frame(std::uint8_t type, std::uint8_t flags, Stream stream, ByteView payload);
  void flush(Stream id, Open& open);
  void flush_all();
  bool take(std::uint8_t type, std::uint8_t flags, Stream stream, ByteView payload,
            std::vector<Event>& events);
  bool take_data(std::uint8_t flags, Stream stream, ByteView payload, std::vector<Event>& events);
  bool take_headers(std::uint8_t flags, Stream stream, ByteView payload, std::vector<Event>& events);
  bool take_settings(std::uint8_t flags, ByteView payload);
  bool end_of_block(std::vector<Event>& events);
  void end(Stream stream, bool reset, std::vector<Event>& events);
  void give_back(Stream stream, std::uint64_t& consumed);

  Bytes input_;
  Bytes output_;
  HeaderDecoder decoder_;
  std::map<Stream, Open> streams_;
  Stream next_ = 1;
  std::int64_t window_ = 65535;
  std::int64_t first_window_ = 65535;
  std::size_t frame_limit_ = 16384;
  std::uint64_t consumed_ = 0;
  Bytes block_;          // headers that go on in the next frame
  Stream block_of_ = 0;  // 0: none
  bool block_ends_ = false;
  std::uint64_t pongs_ = 0;
  bool failed_ = false;
  bool going_ = false;
};

}  // namespace coord::engines
