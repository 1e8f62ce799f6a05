// SPDX-License-Identifier: MIT
// etcd's calls by gRPC on one connection: their headers, frames and statuses, and the token of its user. What
// each call is for its callers know: the log's adapter, and that of etcd's own keys and locks. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "engines/adapter.hpp"
#include "engines/http2.hpp"

namespace coord::engines::etcd {

// How a call has ended, in gRPC's words.
struct Ending {
  std::string status;  // empty: the stream broke off
  std::string text;

  bool is_good() const { return status == "0"; }
  std::string why() const;
};
Ending ending_of(const Http2::Ended& event);

// The message of an answer that has come to its end; nothing: it is none of gRPC's.
std::optional<ByteView> message_in(const Bytes& answer);
// The message at `at` of what has come on a stream that stays open; `at` is behind it then. Nothing: it is
// not all there, or, then `failed` is set, it is none of gRPC's.
std::optional<ByteView> next_message(ByteView bytes, std::size_t& at, bool& failed);

class Channel {
 public:
  Channel(std::string host, bool tls) : host_(std::move(host)), tls_(tls) {}

  Http2::Stream call(const char* method, const Bytes& message);
  // Its stream stays open; a server without a leader ends it.
  Http2::Stream watch(const Bytes& message);
  Http2::Stream authenticate(const Access& access);
  // By the answer to that: all further calls are that user's.
  void authenticated(ByteView message);
  Http2& http() { return http_; }

 private:
  Http2::Stream open(const char* method, const Bytes& message, bool stays);

  const std::string host_;
  const bool tls_;
  Http2 http_;
  std::string token_;
};

}  // namespace coord::engines::etcd
