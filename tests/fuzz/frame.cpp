// SPDX-License-Identifier: MIT
// A stream, cut in two anywhere, gives the same frames as in one piece; and nothing crashes the reader.
#include "wire/frame.hpp"

#include <vector>

#include "base/check.hpp"

using namespace coord;

namespace {

// The payloads read until the end or the first error, which counts as an empty last one.
std::vector<Bytes> read_all(wire::FrameReader& reader, std::vector<Bytes> frames) {
  for (;;) {
    auto next = reader.next();
    if (!next.ok() || !next->has_value()) return frames;
    frames.push_back((*next)->payload);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t cut = data[0] % size;
  const ByteView stream = ByteView(data, size).subspan(1);
  wire::FrameReader whole(4096);
  whole.feed(stream);
  const auto at_once = read_all(whole, {});
  wire::FrameReader pieces(4096);
  pieces.feed(stream.first(cut));
  auto in_two = read_all(pieces, {});
  pieces.feed(stream.subspan(cut));
  in_two = read_all(pieces, std::move(in_two));
  COORD_CHECK(at_once == in_two);
  const auto datagram = wire::parse_datagram(stream);
  COORD_CHECK(!datagram.ok() || wire::frame(datagram->type, datagram->payload).size() == stream.size());
  return 0;
}
