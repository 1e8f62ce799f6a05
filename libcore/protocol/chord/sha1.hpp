// SPDX-License-Identifier: MIT
// SHA-1 (FIPS 180-4), by which Chord gives keys and hosts their places. It spreads; it protects nothing.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace coord::chord {

std::array<std::uint8_t, 20> sha1(std::string_view text);

}  // namespace coord::chord
