#include "cli/json.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "base/rfc3339.hpp"
#include "base/utf8.hpp"
#include "cli/names.hpp"
#include "cli/values.hpp"

namespace coord::cli {
namespace {

void append_escaped(std::string& out, std::string_view character) {
  static constexpr char digits[] = "0123456789abcdef";
  const char c = character.front();
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\r':
      out += "\\r";
      return;
    default:
      break;
  }
  if (const std::uint32_t code = code_point(character); is_layout_control(code)) {
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

std::string json_string(std::string_view text) {
  std::string out = "\"";
  const std::string escaped = is_utf8(text) ? std::string() : shown(text);
  if (!escaped.empty()) text = escaped;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    append_escaped(out, text.substr(0, length));
    text.remove_prefix(length);
  }
  return out + "\"";
}

std::string base64(std::string_view bytes) {
  static constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = (group << 8U) | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      out += i + j > bytes.size() ? '=' : alphabet[(group >> (18U - 6U * static_cast<unsigned>(j))) & 0x3FU];
  }
  return out;
}

JsonObject& JsonObject::raw(std::string_view key, std::string_view value) {
  if (!fields_.empty()) fields_ += ',';
  fields_ += json_string(key);
  fields_ += ':';
  fields_ += value;
  return *this;
}

JsonObject& JsonObject::text(std::string_view key, std::string_view value) {
  return raw(key, json_string(value));
}

JsonObject& JsonObject::name(std::string_view key, std::string_view value) {
  text(key, value);
  return is_utf8(value) ? *this : text(std::string(key) + "_b64", base64(value));
}

JsonObject& JsonObject::boolean(std::string_view key, bool value) {
  return raw(key, value ? "true" : "false");
}
JsonObject& JsonObject::null(std::string_view key) {
  return raw(key, "null");
}

namespace {
std::string number_text(double value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return std::string(buffer.data(), end);
}
}  // namespace

JsonObject& JsonObject::number(std::string_view key, double value) {
  return raw(key, number_text(value));
}
JsonObject& JsonObject::seconds(std::string_view key, Duration value) {
  return raw(key, seconds_text(value));
}
JsonObject& JsonObject::time(std::string_view key, WallTime value) {
  return raw(key, json_string(rfc3339(value)));
}
JsonObject& JsonObject::id(std::string_view key, std::uint64_t value) {
  return raw(key, json_string(std::to_string(value)));
}
JsonObject& JsonObject::object(std::string_view key, const JsonObject& value) {
  return raw(key, value.str());
}
JsonObject& JsonObject::array(std::string_view key, const JsonArray& value) {
  return raw(key, value.str());
}

std::string JsonObject::line() const {
  return "{\"schema\":1" + (fields_.empty() ? "" : "," + fields_) + "}\n";
}

JsonArray& JsonArray::raw(std::string_view value) {
  if (!items_.empty()) items_ += ',';
  items_ += value;
  return *this;
}
JsonArray& JsonArray::text(std::string_view value) {
  return raw(json_string(value));
}
JsonArray& JsonArray::object(const JsonObject& value) {
  return raw(value.str());
}
JsonArray& JsonArray::number(double value) {
  return raw(number_text(value));
}

}  // namespace coord::cli
