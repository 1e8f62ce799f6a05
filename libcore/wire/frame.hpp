// SPDX-License-Identifier: MIT
// Frames: how messages follow one another on a stream, and what a datagram is.
//
//   magic u16 | version u8 | type u8 | length u32 | payload of `length` bytes        all little-endian
//
// The version says how the payload is laid out; a frame of a newer one is read as far as it is known
// (DecodeOptions::newer_sender). A sender writes the newest that its reader is known to read. Types are never
// reused; a reader skips the ones it does not know.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "wire/codec.hpp"

namespace coord::wire {

inline constexpr std::uint16_t frame_magic = 0x4443;  // "CD"
inline constexpr std::uint8_t frame_version = 2;      // the newest that is known here
inline constexpr std::size_t frame_header_size = 8;

// The most payload that a reader accepts: a stream's frame holds an AppendRequest or a piece of a snapshot
// (256 KiB each by default) with room to spare; a datagram cannot be larger anyway.
inline constexpr std::size_t stream_payload_limit = std::size_t{1} << 20U;
inline constexpr std::size_t datagram_payload_limit = std::size_t{64} << 10U;

enum class FrameType : std::uint8_t {
  hello = 1,         // between peers: PeerHello, the first in both directions
  ping = 2,          // between peers: is the connection alive? An 8-byte number, repeated by the pong
  pong = 3,          //
  message = 4,       // between peers: what the replicas say to each other
  channel = 5,       // between peers, from version 2 on: ChannelMessage, for any other part of a node
  introduction = 6,  // under the key of introductions, from version 2 on: one each way (introduction.hpp)
  request = 16,      // local::Request
  answer = 17,       // local::Answer
};

struct Frame {
  std::uint8_t version = first_version;
  FrameType type = FrameType::hello;
  Bytes payload;

  DecodeOptions decode_options() const {
    return {.newer_sender = version > frame_version, .version = std::min(version, frame_version)};
  }
};

struct FrameHeader {
  std::uint8_t version = first_version;
  FrameType type = FrameType::hello;
  std::uint32_t length = 0;
};

// The payload must be within stream_payload_limit: a larger one is a bug of the caller (checked).
Bytes frame(FrameType type, ByteView payload, std::uint32_t version = first_version);
void append_frame(Bytes& out, FrameType type, ByteView payload, std::uint32_t version = first_version);

// `data` has at least frame_header_size bytes. Errors are ErrorKind::data.
Result<FrameHeader> parse_frame_header(ByteView data, std::size_t payload_limit);

// One datagram, one frame, nothing after it.
Result<Frame> parse_datagram(ByteView datagram);

// Cuts a stream into frames. Holds at most one unfinished frame and what was fed after it; memory
// grows with the bytes that arrive, never with the length that a header claims. After an error the
// stream is lost: close the connection.
class FrameReader {
 public:
  explicit FrameReader(std::size_t payload_limit = stream_payload_limit) : payload_limit_(payload_limit) {}

  void feed(ByteView data);
  // The next whole frame, or nothing yet. Call it until it gives nothing before the next feed().
  Result<std::optional<Frame>> next();
  std::size_t buffered() const { return buffer_.size() - begin_; }
  void set_payload_limit(std::size_t limit) { payload_limit_ = limit; }

 private:
  std::size_t payload_limit_;
  Bytes buffer_;
  std::size_t begin_ = 0;  // what is before it was given out already
};

}  // namespace coord::wire
