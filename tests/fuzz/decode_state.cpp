// SPDX-License-Identifier: MIT
#include "decoder.hpp"
#include "service/state.hpp"
#include "wire/state_sections.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const coord::ByteView bytes(data, size);
  for (coord::Level level = 2; level <= coord::newest_level; ++level) {
    if (const auto state = coord::wire::decode_state(bytes, level))
      COORD_CHECK(coord::wire::encode_state(*state) == coord::Bytes(bytes.begin(), bytes.end()));
  }
  return coord::fuzz::check_decoder<coord::service::State>(data, size);
}
