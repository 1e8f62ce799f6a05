// SPDX-License-Identifier: MIT
#include "engines/marks.hpp"

#include <charconv>

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::engines::marks {

std::string seal_of(std::uint64_t epoch) {
  return fmt::format("coordutils: sealed, {} is next", epoch + 1);
}

std::string name_of(std::uint64_t number) {
  return fmt::format("{:016x}", number);
}

std::optional<std::uint64_t> number_in(std::string_view text, int base) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> numbered(std::string_view name) {
  return name.size() == 16 ? number_in(name, 16) : std::nullopt;
}

Bytes bytes_in(std::string_view text) {
  const ByteView view = bytes_of(text);
  return {view.begin(), view.end()};
}

std::string folder_of(std::uint64_t writer, std::uint64_t connection, std::uint64_t keep) {
  const std::string own = fmt::format("{:016x}.{:x}.{:x}", writer, connection, keep);
  return COORD_RULE_OR(state_has_a_folder_of_its_own, own, name_of(writer));
}

std::string text_of(const Pointer& pointer) {
  return fmt::format("{} {} {}", pointer.writer, pointer.pieces, pointer.position);
}

std::optional<Pointer> pointer_in(std::string_view text) {
  constexpr std::uint64_t pieces_limit = 1024;
  const std::size_t first = text.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : text.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto pieces = number_in(text.substr(first + 1, second - first - 1), 10);
  const auto position = number_in(text.substr(second + 1), 10);
  if (!pieces || !position || *pieces == 0 || *pieces > pieces_limit) return std::nullopt;
  return Pointer{std::string(text.substr(0, first)), *pieces, *position};
}

}  // namespace coord::engines::marks
