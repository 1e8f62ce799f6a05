// SPDX-License-Identifier: MIT
// Redis' protocol, version 3 (RESP3): commands as lists of strings, and what is answered or pushed. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace coord::engines::resp {

struct Value {
  enum class Kind : std::uint8_t { text, error, number, nothing, list, push } kind = Kind::nothing;
  std::string text;  // of text and error
  std::int64_t number = 0;
  std::vector<Value> list;  // of a map: key, value, key, value, ...

  std::string_view at(std::size_t index) const {  // a text of a list; empty if it is none
    return index < list.size() ? std::string_view(list[index].text) : std::string_view();
  }
};

Bytes command(const std::vector<std::string_view>& words);

// Takes one whole value off the front. Nothing: it is not all there yet.
class Reader {
 public:
  void add(ByteView bytes);
  std::optional<Value> next();
  bool failed() const { return failed_; }

 private:
  std::optional<std::string_view> line();
  bool read(Value& value, unsigned depth);
  bool read_list(Value& value, std::int64_t count, unsigned depth);
  bool fail();

  Bytes in_;
  std::size_t taken_ = 0;  // of in_, by what next() has given
  std::size_t at_ = 0;
  std::size_t wanted_ = 0;  // as long as there is less, nothing whole can be there
  bool failed_ = false;
};

}  // namespace coord::engines::resp
