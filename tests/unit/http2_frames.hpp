// SPDX-License-Identifier: MIT
// What a server says in HTTP/2 (RFC 9113), frame by frame.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace coord::engines {

inline Bytes frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, const Bytes& payload) {
  Bytes bytes{0,
              static_cast<std::uint8_t>(payload.size() >> 8U),
              static_cast<std::uint8_t>(payload.size()),
              type,
              flags,
              0,
              0,
              static_cast<std::uint8_t>(stream >> 8U),
              static_cast<std::uint8_t>(stream)};
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

}  // namespace coord::engines
