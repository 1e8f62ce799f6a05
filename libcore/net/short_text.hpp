// SPDX-License-Identifier: MIT
// Text of at most 255 bytes, its length before it: in what two ends must make alike, byte for byte.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/check.hpp"

namespace coord::net {

inline void put_short_text(ByteWriter& out, std::string_view text) {
  COORD_CHECK(text.size() <= 255);
  out.put(static_cast<std::uint8_t>(text.size()));
  out.put(bytes_of(text));
}

}  // namespace coord::net
