// SPDX-License-Identifier: MIT
#include "store/numbered_name.hpp"

#include <charconv>

namespace coord::store {
namespace {
constexpr std::size_t digits = 16;
}

std::string numbered_name(std::string_view prefix, std::uint64_t number) {
  std::string text(digits, '0');
  for (std::size_t i = digits; i-- > 0; number >>= 4U) text[i] = "0123456789abcdef"[number & 0xfU];
  return std::string(prefix) + text;
}

std::optional<std::uint64_t> number_in_name(std::string_view prefix, std::string_view name) {
  if (name.size() != prefix.size() + digits || !name.starts_with(prefix)) return std::nullopt;
  std::uint64_t number = 0;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + prefix.size(), end, number, 16);
  if (error != std::errc{} || stop != end || numbered_name(prefix, number) != name) return std::nullopt;
  return number;
}

}  // namespace coord::store
