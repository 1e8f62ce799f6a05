// SPDX-License-Identifier: MIT
#include "cli/json.hpp"

#include <cmath>

#include "base/format.hpp"
#include "base/json_text.hpp"
#include "base/rfc3339.hpp"
#include "base/utf8.hpp"
#include "cli/names.hpp"
#include "cli/values.hpp"

namespace coord::cli {

std::string json_string(std::string_view text) {
  std::string out;
  if (is_utf8(text)) {
    append_json(out, text);
  } else {
    append_json(out, shown(text));
  }
  return out;
}

JsonObject& JsonObject::raw(std::string_view key, std::string_view value) {
  fields_ += fmt::format("{}{}:{}", fields_.empty() ? "" : ",", json_string(key), value);
  return *this;
}

JsonObject& JsonObject::text(std::string_view key, std::string_view value) {
  return raw(key, json_string(value));
}

JsonObject& JsonObject::name(std::string_view key, std::string_view value) {
  text(key, value);
  return is_utf8(value) ? *this : text(fmt::format("{}_b64", key), base64(value));
}

JsonObject& JsonObject::boolean(std::string_view key, bool value) {
  return raw(key, value ? "true" : "false");
}
JsonObject& JsonObject::null(std::string_view key) {
  return raw(key, "null");
}

namespace {
std::string number_text(double value) {
  // The shortest text that is read back as this number.
  return std::isfinite(value) ? fmt::format("{}", value) : "null";
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
  return raw(key, fmt::format("\"{}\"", value));
}
JsonObject& JsonObject::object(std::string_view key, const JsonObject& value) {
  return raw(key, value.str());
}
JsonObject& JsonObject::array(std::string_view key, const JsonArray& value) {
  return raw(key, value.str());
}

std::string JsonObject::line() const {
  return fmt::format("{{\"schema\":1{}{}}}\n", fields_.empty() ? "" : ",", fields_);
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
