// SPDX-License-Identifier: MIT
#include "base/json_text.hpp"

#include "base/check.hpp"
#include "base/utf8.hpp"

namespace coord {
namespace {

void append_escaped(std::string& out, std::string_view character) {
  static constexpr char digits[] = "0123456789abcdef";
  const char c = character.front();
  static constexpr std::string_view named = "\"\\\n\t\r", names = "\"\\ntr";
  if (const std::size_t place = named.find(c); place != std::string_view::npos) {
    out += '\\';
    out += names[place];
  } else if (const std::uint32_t code = code_point(character); is_layout_control(code)) {
    // All of them are below U+10000, so four digits say them.
    out += {'\\',
            'u',
            digits[code >> 12U],
            digits[code >> 8U & 0xFU],
            digits[code >> 4U & 0xFU],
            digits[code & 0xFU]};
  } else {
    out += character;
  }
}

}  // namespace

void append_json(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    COORD_CHECK(length > 0);
    append_escaped(out, text.substr(0, length));
    text.remove_prefix(length);
  }
  out += '"';
}

}  // namespace coord
