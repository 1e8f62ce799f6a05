// SPDX-License-Identifier: MIT
#include "base/base64.hpp"

#include <cstdint>

namespace coord {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = (group << 8U) | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      out += i + j > bytes.size() ? '=' : alphabet[(group >> (18U - 6U * static_cast<unsigned>(j))) & 0x3FU];
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::string_view group = text.substr(i, 4);
    const bool last = i + 4 == text.size();
    while (last && group.size() > 2 && group.back() == '=') group.remove_suffix(1);
    std::uint32_t bits = 0;
    for (const char c : group) {
      const std::size_t value = alphabet.find(c);
      if (value == std::string_view::npos) return std::nullopt;
      bits = bits << 6U | static_cast<std::uint32_t>(value);
    }
    const auto unused = static_cast<unsigned>(group.size() * 6 % 8);
    if ((bits & ((1U << unused) - 1)) != 0) return std::nullopt;
    bits >>= unused;
    for (std::size_t n = group.size() * 6 / 8; n-- > 0;) out += static_cast<char>(bits >> 8U * n & 0xFFU);
  }
  return out;
}

}  // namespace coord
