// SPDX-License-Identifier: MIT
// One line of a snapshot's file, field by field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/base64.hpp"
#include "base/json_text.hpp"
#include "base/utf8.hpp"
#include "snapshot/record.hpp"

namespace coord::record {

class LineWriter {
 public:
  explicit LineWriter(std::string& out, std::string_view type) : out_(out) {
    out_ += "{\"schema\":1";
    text("type", type);
  }
  void end() { out_ += "}\n"; }

  LineWriter& raw(std::string_view name, std::string_view value) {
    if (out_.back() != '{') out_ += ',';
    append_json(out_, name);
    out_ += ':';
    out_ += value;
    return *this;
  }
  LineWriter& text(std::string_view name, std::string_view value) {
    raw(name, "");
    append_json(out_, value);
    return *this;
  }
  // Any bytes.
  LineWriter& bytes(std::string_view name, std::string_view value) {
    if (is_utf8(value)) return text(name, value);
    return text(name, escaped(value)).text(std::string(name) + "_b64", base64(value));
  }
  LineWriter& count(std::string_view name, std::uint64_t value) { return raw(name, std::to_string(value)); }
  LineWriter& truth(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  LineWriter& counts(std::string_view name, const Counts& values) {
    begin(name, '{');
    for (const auto& [key, value] : values) count(key, value);
    return close('}');
  }
  template <class Items, class Put>
  LineWriter& array(std::string_view name, const Items& items, Put put) {
    begin(name, '[');
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += ',';
      first = false;
      put(item);
    }
    return close(']');
  }
  LineWriter& object() {
    out_ += '{';
    return *this;
  }
  LineWriter& close(char bracket) {
    out_ += bracket;
    return *this;
  }

  // Any bytes where nobody needs them exactly.
  static std::string shown(std::string_view value) {
    return is_utf8(value) ? std::string(value) : escaped(value);
  }
  static void put_bytes(std::string& out, std::string_view value) { append_json(out, shown(value)); }

 private:
  void begin(std::string_view name, char bracket) {
    raw(name, "");
    out_ += bracket;
  }
  static std::string escaped(std::string_view bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x20 && byte < 0x7f && c != '\\')
        out += c;
      else
        out += {'\\', 'x', digits[byte >> 4U], digits[byte & 0xFU]};
    }
    return out;
  }

  std::string& out_;
};

}  // namespace coord::record
