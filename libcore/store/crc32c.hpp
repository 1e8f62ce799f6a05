// SPDX-License-Identifier: MIT
// CRC-32C (Castagnoli; RFC 3720, appendix B.4): finds every error of one to three bits in records of up to
// 256 MiB, and every burst of up to 32 bits.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace coord::store {

// The checksum of `data`, or of what `before` is the checksum of with `data` after it.
std::uint32_t crc32c(ByteView data, std::uint32_t before = 0);

}  // namespace coord::store
