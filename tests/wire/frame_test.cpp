// SPDX-License-Identifier: MIT
#include "wire/frame.hpp"

#include <catch2/catch.hpp>

using namespace coord;
using namespace coord::wire;

namespace {

Bytes joined(const Bytes& a, const Bytes& b) {
  Bytes both = a;
  both.insert(both.end(), b.begin(), b.end());
  return both;
}

}  // namespace

TEST_CASE("a frame is its header and its payload") {
  CHECK(frame(FrameType::message, Bytes{9, 8}) == Bytes{0x43, 0x44, 1, 4, 2, 0, 0, 0, 9, 8});
}

TEST_CASE("a stream gives the same frames however it is cut") {
  const Bytes stream = joined(frame(FrameType::message, Bytes{1, 2, 3}), frame(FrameType::request, {}));
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    FrameReader reader;
    std::vector<Frame> frames;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      reader.feed(ByteView(stream).subspan(at, std::min(piece, stream.size() - at)));
      for (;;) {
        auto next = reader.next();
        REQUIRE(next.ok());
        if (!next->has_value()) break;
        frames.push_back(**next);
      }
    }
    REQUIRE(frames.size() == 2);
    CHECK(frames[0].type == FrameType::message);
    CHECK(frames[0].payload == Bytes{1, 2, 3});
    CHECK(frames[1].type == FrameType::request);
    CHECK(frames[1].payload.empty());
    CHECK(reader.buffered() == 0);
  }
}

TEST_CASE("a frame that claims more than the limit is refused at its header") {
  FrameReader reader(1000);
  Bytes header = frame(FrameType::message, Bytes(1001));
  header.resize(frame_header_size);
  reader.feed(header);
  REQUIRE_FALSE(reader.next().ok());
}

TEST_CASE("a frame at the limit passes") {
  FrameReader reader;
  reader.feed(frame(FrameType::message, Bytes(stream_payload_limit)));
  const auto next = reader.next();
  REQUIRE(next.ok());
  CHECK((*next)->payload.size() == stream_payload_limit);
}

TEST_CASE("rubbish is refused at its first eight bytes") {
  FrameReader reader;
  reader.feed(bytes_of("GET / HTTP/1.1\r\n"));
  CHECK_FALSE(reader.next().ok());
  FrameReader no_version;
  no_version.feed(Bytes{0x43, 0x44, 0, 1, 0, 0, 0, 0});
  CHECK_FALSE(no_version.next().ok());
}

TEST_CASE("a datagram is exactly one frame") {
  const Bytes one = frame(FrameType::message, Bytes{1});
  REQUIRE(parse_datagram(one).ok());
  CHECK(parse_datagram(one)->payload == Bytes{1});
  CHECK_FALSE(parse_datagram(joined(one, Bytes{0})).ok());
  CHECK_FALSE(parse_datagram(ByteView(one).first(one.size() - 1)).ok());
  CHECK_FALSE(parse_datagram(ByteView(one).first(3)).ok());
}

TEST_CASE("a frame of a newer version is read as one") {
  Bytes bytes = frame(FrameType::message, Bytes{1});
  bytes[2] = frame_version + 1;
  const auto parsed = parse_datagram(bytes);
  REQUIRE(parsed.ok());
  CHECK(parsed->decode_options().newer_sender);
  CHECK(parsed->decode_options().version == frame_version);
}

TEST_CASE("a frame bears the version of its payload, and what says none is of the first") {
  CHECK(frame(FrameType::message, Bytes{1})[2] == 1);
  const auto second = parse_datagram(frame(FrameType::answer, Bytes{1}, 2));
  REQUIRE(second.ok());
  CHECK_FALSE(second->decode_options().newer_sender);
  CHECK(second->decode_options().version == 2);
}
