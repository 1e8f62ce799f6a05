// SPDX-License-Identifier: MIT
// What etcd.cpp and etcd_reading.cpp both write and read in keys and values. Of this folder only.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace coord::engines::etcd {

inline constexpr char seal_name[] = "~";
inline constexpr std::size_t epoch_digits = 16;
inline constexpr std::size_t pieces_limit = 1024;
inline constexpr std::size_t message_limit = 16U << 20U;

inline Bytes text_bytes(const std::string& text) {
  const ByteView view = bytes_of(text);
  return {view.begin(), view.end()};
}

inline std::string text_of(const Bytes& bytes) {
  return {bytes.begin(), bytes.end()};
}

inline std::optional<std::uint64_t> number_in(std::string_view text, int base) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// How a seal is told from what another program may have put under its name.
Bytes seal_of(std::uint64_t epoch);

}  // namespace coord::engines::etcd
