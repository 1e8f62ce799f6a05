// SPDX-License-Identifier: MIT
#include "wire/frame.hpp"

#include "base/check.hpp"

namespace coord::wire {
namespace {

Error bad(const char* what) {
  return {ErrorKind::data, "frame", what, ""};
}

// A buffer that once held a large frame gives its memory back when it is empty.
constexpr std::size_t kept_capacity = std::size_t{64} << 10U;

}  // namespace

void append_frame(Bytes& out, FrameType type, ByteView payload, std::uint32_t version) {
  COORD_CHECK(payload.size() <= stream_payload_limit);
  COORD_CHECK(version >= first_version && version <= frame_version);
  ByteWriter header;
  header.put(frame_magic);
  header.put(static_cast<std::uint8_t>(version));
  header.put(static_cast<std::uint8_t>(type));
  header.put(static_cast<std::uint32_t>(payload.size()));
  out.insert(out.end(), header.bytes().begin(), header.bytes().end());
  out.insert(out.end(), payload.begin(), payload.end());
}

Bytes frame(FrameType type, ByteView payload, std::uint32_t version) {
  Bytes out;
  out.reserve(frame_header_size + payload.size());
  append_frame(out, type, payload, version);
  return out;
}

Result<FrameHeader> parse_frame_header(ByteView data, std::size_t payload_limit) {
  ByteReader in(data);
  const auto magic = in.get<std::uint16_t>();
  FrameHeader header;
  header.version = in.get<std::uint8_t>();
  header.type = static_cast<FrameType>(in.get<std::uint8_t>());
  header.length = in.get<std::uint32_t>();
  if (in.failed()) return bad("it is shorter than its header");
  if (magic != frame_magic) return bad("it does not begin as ours do");
  if (header.version == 0) return bad("it has no version");
  if (header.length > payload_limit) return bad("it is larger than allowed");
  return header;
}

Result<Frame> parse_datagram(ByteView datagram) {
  const auto header = parse_frame_header(datagram, datagram_payload_limit);
  if (!header.ok()) return header.error();
  const ByteView payload = datagram.subspan(frame_header_size);
  if (payload.size() != header->length) return bad("its length is not that of its header");
  return Frame{header->version, header->type, Bytes(payload.begin(), payload.end())};
}

void FrameReader::feed(ByteView data) {
  if (begin_ > 0) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
    if (buffer_.empty() && buffer_.capacity() > kept_capacity) buffer_.shrink_to_fit();
  }
  buffer_.insert(buffer_.end(), data.begin(), data.end());
}

Result<std::optional<Frame>> FrameReader::next() {
  const ByteView rest = ByteView(buffer_).subspan(begin_);
  if (rest.size() < frame_header_size) return std::optional<Frame>();
  const auto header = parse_frame_header(rest, payload_limit_);
  if (!header.ok()) return header.error();
  if (rest.size() - frame_header_size < header->length) return std::optional<Frame>();
  const ByteView payload = rest.subspan(frame_header_size, header->length);
  begin_ += frame_header_size + header->length;
  return std::optional(Frame{header->version, header->type, Bytes(payload.begin(), payload.end())});
}

}  // namespace coord::wire
