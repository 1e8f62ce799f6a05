// SPDX-License-Identifier: MIT
// JSON as the programs write it: one object a line, "schema":1 first, fields in the order in which they are
// added. Times are RFC 3339 strings in UTC, durations numbers of seconds whose key ends in _s, ids strings; a
// name that is not UTF-8 is shown escaped and follows again as KEY_b64. Nothing here can produce invalid
// JSON, whatever bytes it is given.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/base64.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"

namespace coord::cli {

class JsonArray;

class JsonObject {
 public:
  JsonObject& text(std::string_view key, std::string_view value);  // bytes that are not UTF-8 become \xNN
  JsonObject& name(std::string_view key,
                   std::string_view value);  // a user's bytes: with KEY_b64 where needed
  JsonObject& boolean(std::string_view key, bool value);
  JsonObject& null(std::string_view key);
  template <std::integral Integer>
  requires(!std::same_as<Integer, bool>) JsonObject& integer(std::string_view key, Integer value) {
    return raw(key, std::to_string(value));
  }
  JsonObject& number(std::string_view key,
                     double value);  // shortest form that reads back the same; not finite: null
  JsonObject& seconds(std::string_view key, Duration value);  // exact to the nanosecond
  JsonObject& time(std::string_view key, WallTime value);
  JsonObject& id(std::string_view key, std::uint64_t value);
  template <class Tag>
  JsonObject& id(std::string_view key, StrongId<Tag> value) {
    return id(key, value.value);
  }
  JsonObject& object(std::string_view key, const JsonObject& value);
  JsonObject& array(std::string_view key, const JsonArray& value);

  std::string str() const { return "{" + fields_ + "}"; }
  std::string line() const;  // with "schema":1 in front and a newline behind: one record of output

 private:
  JsonObject& raw(std::string_view key, std::string_view value);
  std::string fields_;
};

class JsonArray {
 public:
  JsonArray& text(std::string_view value);
  JsonArray& object(const JsonObject& value);
  JsonArray& number(double value);
  template <std::integral Integer>
  requires(!std::same_as<Integer, bool>) JsonArray& integer(Integer value) {
    return raw(std::to_string(value));
  }
  std::string str() const { return "[" + items_ + "]"; }

 private:
  JsonArray& raw(std::string_view value);
  std::string items_;
};

std::string json_string(std::string_view text);  // with its quotes
using coord::base64;

}  // namespace coord::cli
