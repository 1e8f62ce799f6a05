// SPDX-License-Identifier: MIT
// What a fuzzer checks of a decoder: no input crashes it, and what it accepts has no
// other bytes. At every level.
#pragma once

#include <cstdint>

#include "base/check.hpp"
#include "base/level.hpp"
#include "wire/codec.hpp"

namespace coord::fuzz {

template <class T>
int check_decoder(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  for (Level level = first_level; level <= newest_level; ++level) {
    const auto message = wire::decode<T>(bytes, {.version = level});
    if (message.ok()) {
      const Bytes again = wire::encode(*message, level);
      COORD_CHECK(again == Bytes(bytes.begin(), bytes.end()));
    }
    const auto prefix = wire::decode<T>(bytes, {.elements = 1000, .newer_sender = true, .version = level});
    COORD_CHECK(!message.ok() || prefix.ok() || prefix.error().what == "it has too many elements");
  }
  return 0;
}

}  // namespace coord::fuzz
